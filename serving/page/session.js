// One photo being clicked on. Actions are shown at once, sent one after another, and their answers
// drawn by number: an answer older than what is drawn is dropped.

import { EMPTY, apply, historyOf, matches, replay, settled } from "./history.js";

const FIRST_PAUSE = 1; // seconds before a request that found no service is sent again
const LONGEST_PAUSE = 8;

export class PhotoSession {
  /**
   * @param service a Service.
   * @param photo the photo's bytes (Blob): kept, so that a session that expired can be reopened.
   * @param events what happens is told here: changed(), drawn(answer), opened(answer),
   *   waiting(seconds, error), reopened(), failed(error).
   */
  constructor(service, photo, events) {
    Object.assign(this, { service, photo, events, id: null, history: EMPTY });
    this.startMask = null;
    this.closed = false;
    this.number = 0; // of the last action asked for
    this.drawn = -1; // of the action whose mask is on the screen
    this.unseen = -1; // of the last one that was answered without its mask
    this.queue = [];
    this.working = false;
    this.abort = new AbortController();
  }

  /** The history as it will be when everything asked for is answered. */
  get shown() {
    return this.queue.reduce((history, { action }) => apply(history, action), this.history);
  }

  /** How many of the last shown clicks the service has not answered yet. */
  get pending() {
    return this.queue.filter(({ action }) => action.kind === "click").length;
  }

  get busy() {
    return this.queue.length > 0;
  }

  /** Opens the photo at the service; what is done before it answers waits for it. */
  open() {
    return this.#ask({ kind: "open" });
  }

  /** Takes over the state of a session that the service has (`id` is set). Its mask comes later,
   * unless a click is faster. */
  async join(state) {
    this.history = historyOf(state);
    this.events.changed();
    if (state.clicks.length || state.started) await this.#look(0);
  }

  click(x, y, label) {
    return this.#ask({ kind: "click", click: { x, y, label } });
  }

  undo() {
    return this.#ask({ kind: "undo" });
  }

  redo() {
    return this.#ask({ kind: "redo" });
  }

  reset() {
    return this.#ask({ kind: "reset" });
  }

  /** Starts from a mask (PNG) and forgets the clicks. */
  start(mask) {
    return this.#ask({ kind: "start", mask });
  }

  /** Sets what was reset again. */
  restore(history) {
    for (const action of replay(history, this.startMask)) this.#ask(action);
  }

  /** The bytes of a result in a format of `ioebss-run`, after everything asked for before it. */
  save(format) {
    return this.#ask({ kind: "save", format });
  }

  /** Ends it: nothing of it is sent or drawn any more, what is under way is cancelled. */
  close() {
    this.closed = true;
    this.queue = [];
    this.abort.abort();
    if (this.id) this.service.close(this.id);
  }

  #ask(action) {
    return new Promise((done) => {
      this.queue.push({ action, number: ++this.number, done });
      this.events.changed();
      this.#work();
    });
  }

  async #work() {
    if (this.working) return;
    this.working = true;
    while (this.queue.length && !this.closed) {
      const item = this.queue[0];
      try {
        const answer = await this.#insist(item);
        if (this.closed) return;
        this.queue.shift();
        this.history = settled(apply(this.history, item.action), answer);
        if (item.action.kind === "start") this.startMask = item.action.mask;
        item.done(answer);
        if (answer.mask) this.#draw(item.number, answer);
        else if (answer.bbox) this.unseen = item.number;
      } catch (error) {
        if (this.closed) return;
        // What was asked for after it was meant for what it would have made: dropped with it.
        const dropped = this.queue.splice(0);
        for (const { done } of dropped) done(null);
        this.events.failed(error, item.action);
        if (error.status === 409) await this.#meet(item.number);
        else if (this.unseen > this.drawn) this.#look(this.unseen);
      }
      this.events.changed();
    }
    this.working = false;
  }

  /** Sends an action until it is answered or refused for good. */
  async #insist(item) {
    let pause = FIRST_PAUSE;
    for (;;) {
      try {
        if (item.forgotten) await this.#reopen();
        item.forgotten = false;
        return await this.#send(item);
      } catch (error) {
        if (this.closed) throw error;
        if (error.status === 404 && this.id && !item.reopened) {
          item.forgotten = item.reopened = true;
          continue;
        }
        if (!error.passes) throw error;
        // Whether the answer was lost or the question, only the service knows.
        item.uncertain ||= error.status === 0;
        const seconds = error.retryAfter ?? pause;
        pause = Math.min(2 * pause, LONGEST_PAUSE);
        this.events.waiting(seconds, error);
        await new Promise((done) => setTimeout(done, 1000 * seconds));
        if (this.closed) throw error;
      }
    }
  }

  async #send(item) {
    const { action } = item;
    const { signal } = this.abort;
    if (action.kind === "open") {
      const answer = await this.service.open(this.photo, signal);
      this.id = answer.id;
      this.events.opened(answer);
      return answer;
    }
    if (action.kind === "save") return this.service.result(this.id, action.format, signal);
    if (item.uncertain) {
      const state = await this.service.state(this.id, signal);
      item.uncertain = false;
      const after = apply(this.history, action);
      if (!matches(this.history, state) && matches(after, state)) {
        return this.#current();
      }
    }
    // Of several changes only the last one's mask is seen.
    const last = this.queue.findLast((one) => one.action.kind !== "save") === item;
    return this.service.act(this.id, action, last, signal);
  }

  /** Takes over what another tab has made of the session. */
  async #meet(number) {
    try {
      this.history = settled(this.history, await this.service.state(this.id, this.abort.signal));
    } catch {
      return; // whatever it is, the next action meets it too
    }
    await this.#look(number);
  }

  /** Draws the mask as it is, unless that of a later action comes first. */
  async #look(number) {
    try {
      this.#draw(number, await this.#current());
    } catch (error) {
      if (!this.closed) this.events.failed(error);
    }
  }

  /** The mask as it is, without doing anything. */
  async #current() {
    const result = await this.service.result(this.id, "json", this.abort.signal);
    const { segmentation, area, bbox } = JSON.parse(await result.text());
    return { mask: segmentation, area, bbox };
  }

  /** Opens the photo again where the service has forgotten the session, and repeats the clicks. */
  async #reopen() {
    const { signal } = this.abort;
    const answer = await this.service.open(this.photo, signal);
    try {
      for (const action of replay(this.history, this.startMask)) {
        await this.service.act(answer.id, action, false, signal);
      }
    } catch (error) {
      this.service.close(answer.id); // the next try opens another
      throw error;
    }
    this.id = answer.id;
    this.events.opened(answer);
    this.events.reopened();
  }

  #draw(number, answer) {
    if (number <= this.drawn) return;
    this.drawn = number;
    this.events.drawn(answer);
  }
}
