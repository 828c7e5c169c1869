// How pictures are given: chosen, pasted or dropped.

/**
 * inputs: the file inputs. open(files): called with pictures; fail(line): called where something else is dropped.
 */
export function onPictures(inputs, open, fail) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      open([...input.files]);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  document.addEventListener("paste", (event) => open([...(event.clipboardData?.files ?? [])]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const files = [...event.dataTransfer.files];
    if (files.length) open(files);
    else fail("That was no file. Save the picture first, or copy and paste it.");
  });
}
