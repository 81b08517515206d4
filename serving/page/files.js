// Photos in, results out: choosing, dropping, pasting, saving; and the fragment of the address,
// which tells what to open.

const TOKEN = "ioebss.token";

/** Calls opened(file) with a photo that is dropped on the page or pasted into it. */
export function listenToDrops(opened) {
  const over = (event) =>
    [...(event.dataTransfer?.items ?? [])].some(({ kind }) => kind === "file");
  const mark = (value) => (document.body.dataset.dropping = value);
  document.addEventListener("dragover", (event) => {
    if (!over(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    const [file] = event.dataTransfer.files;
    if (file) opened(file);
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) opened(file);
  });
}

/** Calls chosen(file) with what is chosen in a hidden file field. */
export function listenToField(field, chosen) {
  field.addEventListener("change", () => {
    const [file] = field.files;
    field.value = ""; // or the same file could not be chosen twice
    if (file) chosen(file);
  });
}

/** The bytes of a file, or null: the file itself may have changed, or be gone, when they are needed
 * again. */
export async function bytesOf(file) {
  const bytes = await file.arrayBuffer().catch(() => null);
  return bytes && new Blob([bytes], { type: file.type });
}

/** Whether a photo may say that it is to be turned in a way that not every browser obeys: in a JPEG
 * all do, in a PNG or WebP with EXIF some. */
export async function mayBeTurned(photo) {
  const text = async (part) => new TextDecoder("latin1").decode(await part.arrayBuffer());
  if ((await text(photo.slice(0, 2))) === "\xff\xd8") return false;
  return /eXIf|EXIF/.test(await text(photo));
}

/** Hands a result to the browser under the name that `ioebss-run` would give it. */
export function download(blob, photoName, format) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  const stem = photoName.replace(/\.[^.]*$/, "") || "photo";
  link.download = format === "json" ? `${stem}.mask.json` : `${stem}.${format}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The session's JSON with the name of the photo, which the service does not know. */
export async function withName(blob, photo) {
  const result = { ...JSON.parse(await blob.text()), photo };
  return new Blob([JSON.stringify(result) + "\n"], { type: "application/json" });
}

/** What the address says: {token, session, name}. The token leaves it, and the history, at once. */
export function readAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token !== null) keepToken(token);
  const session = fragment.get("session");
  const name = fragment.get("name") ?? "photo";
  writeAddress(session, name);
  return { token: token ?? keptToken(), session, name };
}

/** Lasts until the tab is closed, so that the page can be reloaded; not where the browser is set to
 * keep nothing. */
export function keepToken(token) {
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    // It is asked for again.
  }
}

function keptToken() {
  try {
    return sessionStorage.getItem(TOKEN) ?? "";
  } catch {
    return "";
  }
}

export function writeAddress(session, name) {
  const fragment = session ? `#${new URLSearchParams({ session, name })}` : "";
  history.replaceState(null, "", location.pathname + fragment);
}
