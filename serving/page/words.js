// What the page says: of answers, of waiting, of errors.

export const UNREADABLE = "The file cannot be read: it is a folder, has changed, or is gone.";

/** "2 clicks, 43.1 % of the photo"; `photo` is its {width, height}. */
export function ofAnswer(clicks, area, photo) {
  const count = clicks ? `${clicks} ${clicks === 1 ? "click" : "clicks"}` : "From a mask";
  return area === null ? count : `${count}, ${share(area, photo)} of the photo`;
}

/** "18 ms · onnxruntime-cpu, int8": the service's part of the last click, in milliseconds. */
export function ofEngine(milliseconds, engine) {
  const parts = Object.values(milliseconds ?? {});
  const sum = parts.reduce((total, part) => total + part, 0);
  const shown = sum < 10 ? sum.toFixed(1) : sum.toFixed(0);
  return [sum > 0 && `${shown} ms`, engine].filter(Boolean).join(" · ");
}

/** What a screen reader hears of a click that was answered. */
export function ofClick({ x, y, label }, area, photo) {
  const where = label ? "On the object" : "Background";
  return `${where} at ${x}, ${y}. The mask is ${share(area, photo)} of the photo.`;
}

export function ofWaiting(seconds, error) {
  const again = `Trying again in ${Math.max(1, Math.round(seconds))} s.`;
  if (error.status === 429) return `The service is busy. ${again}`;
  if (error.status === 503) return `The service is not ready. ${again}`;
  return `The service does not answer; is it still running? ${again}`;
}

export function ofError(error) {
  switch (error.status) {
    case 401:
      return "The service did not take the token.";
    case 413:
      return `Too large for the service: ${error.message}.`;
    case 415:
      return `That is no photo that can be read: ${error.message}.`;
    case undefined:
      return "Something in the page went wrong. Reload it: the clicks are kept.";
    default:
      return sentence(error.message);
  }
}

function share(area, { width, height }) {
  return `${((100 * area) / (width * height)).toFixed(1)} %`;
}

function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
