// Asks the user for the token that a server wants.

const $ = (id) => document.getElementById(id);
let asking = null;

/** Resolves to a token; `wrong` says that the last one was none. Requests that ask at once share the answer. */
export function askToken(wrong) {
  asking ??= ask(wrong).finally(() => (asking = null));
  return asking;
}

function ask(wrong) {
  const dialog = $("ask");
  $("ask-problem").textContent = wrong ? "That was not it. Try again." : "";
  $("token").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue === "given" && $("token").value) resolve($("token").value.trim());
        else ask(false).then(resolve);
      },
      { once: true },
    );
    dialog.returnValue = "";
  });
}
