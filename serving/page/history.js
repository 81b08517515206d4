// The clicks of a session and what each action makes of them. The page shows with it what the
// service has yet to answer, and rebuilds with it a session that the service has forgotten.

export const FOREGROUND = 1;
export const BACKGROUND = 0;

/** No clicks; `undone` holds what redo sets again, the last undone at its end. */
export const EMPTY = Object.freeze({ clicks: [], undone: [], started: false });

/** The history after one more action: {kind: "click", click: {x, y, label}} or a kind alone. */
export function apply(history, action) {
  const { clicks, undone, started } = history;
  switch (action.kind) {
    case "click":
      return { clicks: [...clicks, action.click], undone: [], started };
    case "undo":
      return { clicks: clicks.slice(0, -1), undone: [...undone, ...clicks.slice(-1)], started };
    case "redo":
      return { clicks: [...clicks, ...undone.slice(-1)], undone: undone.slice(0, -1), started };
    case "reset":
      return EMPTY;
    case "start":
      return { ...EMPTY, started: true };
    default:
      return history;
  }
}

/** The actions that lead from an opened photo to this history, so that redo works after them. */
export function replay(history, startMask) {
  const actions = startMask && history.started ? [{ kind: "start", mask: startMask }] : [];
  const undone = [...history.undone].reverse();
  for (const click of [...history.clicks, ...undone]) actions.push({ kind: "click", click });
  return [...actions, ...undone.map(() => ({ kind: "undo" }))];
}

/** The history after an answer: what the service says, which is as expected unless somebody else
 * clicked too, in another tab. Answers that are files say nothing of it. */
export function settled(expected, answer) {
  return answer.clicks ? historyOf(answer) : expected;
}

/** The history of a session as the service describes it. */
export function historyOf({ clicks, undone, started }) {
  return { clicks, undone, started };
}

/** Whether the service's state is this history. */
export function matches(history, state) {
  const same = (a, b) => a.x === b.x && a.y === b.y && a.label === b.label;
  const equal = (one, other) =>
    one.length === other.length && one.every((click, index) => same(click, other[index]));
  return (
    state.started === history.started &&
    equal(state.clicks, history.clicks) &&
    equal(state.undone, history.undone)
  );
}
