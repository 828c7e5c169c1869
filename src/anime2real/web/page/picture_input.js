// How a picture is given: chosen, pasted or dropped. The page of `serve` and the one in docs/try share this.

/**
 * inputs: the file inputs. open(file): called with a picture; fail(line): called where something else is dropped.
 */
export function onPicture(inputs, open, fail) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      open(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (file) open(file);
  });
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
    const [file] = event.dataTransfer.files;
    if (file) open(file);
    else fail("That was no file. Save the picture first, or copy and paste it.");
  });
}
