// The service's HTTP interface, as docs/serving.md describes it.

/** An answer that is no result. `status` is 0 where none came at all. */
export class ServiceError extends Error {
  constructor(status, code, message, retryAfter = null) {
    super(message);
    Object.assign(this, { status, code, retryAfter });
  }

  /** Whether the same request may succeed a little later. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status === 503;
  }
}

export class Service {
  /**
   * @param token may be empty: a service on loopback may ask for none.
   * @param askForToken resolves to a token, or to "" where nobody gives one.
   */
  constructor(token, askForToken) {
    Object.assign(this, { token, askForToken, asking: null });
  }

  /** Opens a session with the bytes of a photo; answers its state and who answers. */
  open(photo, signal) {
    const type = photo.type || "image/*";
    return this.#json("POST", "v1/sessions", { body: photo, type, signal });
  }

  /** What answers the clicks: {model, backend, precision}. */
  about() {
    return this.#json("GET", "healthz", {});
  }

  state(id, signal) {
    return this.#json("GET", `v1/sessions/${id}`, { signal });
  }

  async photo(id, signal) {
    return (await this.#request("GET", `v1/sessions/${id}/photo`, { signal })).blob();
  }

  /** The mask that a session started from, as a PNG. */
  async startMask(id, signal) {
    return (await this.#request("GET", `v1/sessions/${id}/start`, { signal })).blob();
  }

  /** Does one action of history.js; the mask comes as RLE, or not at all. */
  act(id, action, withMask, signal) {
    const path = (what) => `v1/sessions/${id}/${what}?mask=${withMask ? "rle" : "none"}`;
    if (action.kind === "click") {
      const body = JSON.stringify(action.click);
      return this.#json("POST", path("clicks"), { body, type: "application/json", signal });
    }
    if (action.kind === "start") {
      return this.#json("PUT", path("start"), { body: action.mask, type: "image/png", signal });
    }
    return this.#json("POST", path(action.kind), { signal });
  }

  /** What `ioebss-run --format` would write. */
  async result(id, format, signal) {
    const path = `v1/sessions/${id}/result?format=${format}`;
    return (await this.#request("GET", path, { signal })).blob();
  }

  /** Lets the service forget a session; nobody waits for it. */
  close(id) {
    this.#request("DELETE", `v1/sessions/${id}`, { keepalive: true }).catch(() => {});
  }

  async #json(method, path, options) {
    return (await this.#request(method, path, options)).json();
  }

  async #request(method, path, options) {
    const sent = this.token;
    const response = await this.#fetch(method, path, options);
    if (response.ok) return response;
    // A refusal may come after another request's has been answered with a better token.
    if (response.status === 401 && (sent !== this.token || (await this.#newToken()))) {
      return this.#request(method, path, options);
    }
    throw await failure(response);
  }

  async #fetch(method, path, { body, type, signal, keepalive }) {
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (type) headers["Content-Type"] = type;
    const url = new URL(path, document.baseURI);
    try {
      return await fetch(url, { method, headers, body, signal, keepalive, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServiceError(0, "unreachable", "the service does not answer");
    }
  }

  /** Asks once, however many requests need it. */
  async #newToken() {
    this.asking ??= this.askForToken().finally(() => (this.asking = null));
    this.token = await this.asking;
    return this.token;
  }
}

async function failure(response) {
  const seconds = Number.parseFloat(response.headers.get("Retry-After"));
  const retryAfter = Number.isFinite(seconds) ? seconds : null;
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // Not from the service but from something between: the status says what there is to say.
  }
  const message = error.message ?? `the service answered ${response.status}`;
  return new ServiceError(response.status, error.code ?? "", message, retryAfter);
}
