# Training, on a GPU of NVIDIA's if there is one. From the top of the repository:
#   docker build -f integrations/docker/train.Dockerfile -t anime2real-train .
FROM python:3.13-slim-trixie AS build
WORKDIR /source
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY LICENSES LICENSES
COPY src src
COPY bundles bundles
# torch from PyPI brings CUDA with it; the driver is the host's.
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[train,hub]" \
    ./bundles/paper ./bundles/tilt ./bundles/more

FROM python:3.13-slim-trixie
# Triton and torch's compiler build small C programs as training starts.
RUN apt-get update && apt-get install --yes --no-install-recommends g++ libc6-dev && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home anime2real
COPY --from=build /venv /venv
# The caches lie where any user may write, since a mounted folder asks for its owner's number (docker run --user).
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    TORCHINDUCTOR_CACHE_DIR=/tmp/inductor TRITON_CACHE_DIR=/tmp/triton HF_HOME=/tmp/huggingface
USER 10001
WORKDIR /work
ENTRYPOINT ["anime2real"]
CMD ["train", "--help"]
