// Where the page speaks: the line below the photo, messages over it, screen readers, the question
// for a token.

const element = (id) => document.getElementById(id);

/** What stands below the photo. */
export function tell(text) {
  element("answer").textContent = text;
}

/** For screen readers. */
export function say(text) {
  element("live").textContent = text;
}

export function fail(text) {
  notice(text, "error");
}

/**
 * Shows a message until it is dismissed or replaced.
 * @param kind "", "error" or "waiting".
 * @param action [label, what it does] of a button, or null.
 */
export function notice(text, kind = "", action = null) {
  const box = element("notice");
  box.dataset.kind = kind;
  element("notice-text").textContent = text;
  const button = element("notice-action");
  button.hidden = !action;
  if (action) {
    const [label, run] = action;
    button.textContent = label;
    button.onclick = () => {
      dismiss();
      run();
    };
  }
  box.hidden = false;
}

export function dismiss() {
  element("notice").hidden = true;
}

/** Dismisses a message of waiting, and no other. */
export function endWaiting() {
  if (element("notice").dataset.kind === "waiting") dismiss();
}

/** Resolves to the token that is typed, or to "". */
export function askForToken() {
  const dialog = element("token-dialog");
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener(
      "close",
      () => {
        const token = element("token").value.trim();
        element("token").value = "";
        done(token);
      },
      { once: true },
    );
  });
}
