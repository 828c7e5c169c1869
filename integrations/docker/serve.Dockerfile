# The page and the API, for the CPU. From the top of the repository:
#   docker build -f integrations/docker/serve.Dockerfile -t anime2real-serve .
FROM python:3.13-slim-trixie AS build
WORKDIR /source
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY LICENSES LICENSES
COPY src src
COPY bundles bundles
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[web]" \
    ./bundles/paper ./bundles/tilt ./bundles/more

FROM python:3.13-slim-trixie
RUN useradd --uid 10001 --create-home anime2real
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["anime2real"]
CMD ["serve", "--host", "0.0.0.0"]
