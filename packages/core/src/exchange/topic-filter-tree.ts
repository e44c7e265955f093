/** One level of the filters that share a beginning. */
class FilterNode<Value> {
  children: Map<string, FilterNode<Value>> | null = null;
  /** Filter level `+`. */
  single: FilterNode<Value> | null = null;
  /** Filters that end here. */
  values: Set<Value> | null = null;
  /** Filters that end here with `#`: they match this level and all below. */
  multi: Set<Value> | null = null;

  get empty(): boolean {
    return this.children === null && this.single === null && this.values === null && this.multi === null;
  }
}

/**
 * Values by MQTT topic filter (MQTT 5, 4.7): levels between slashes, `+` stands for one whole level, `#` at the end for
 * the level before it and all that follow. A match walks the topic's levels, so filters that do not match cost nothing.
 * Filters are taken as valid: `#` only at the end, wildcards alone in their level.
 */
export class TopicFilterTree<Value> {
  readonly #root = new FilterNode<Value>();

  add(filter: string, value: Value): void {
    let node = this.#root;
    for (const level of filter.split("/")) {
      if (level === "#") {
        (node.multi ??= new Set()).add(value);
        return;
      }
      node = level === "+" ? (node.single ??= new FilterNode()) : childOf(node, level);
    }
    (node.values ??= new Set()).add(value);
  }

  /** A filter or a value that is not there is fine. */
  remove(filter: string, value: Value): void {
    this.#remove(this.#root, filter.split("/"), 0, value);
  }

  /** Calls `found` for every value whose filter matches; one that was added under several filters comes several times. */
  match(topic: string, found: (value: Value) => void): void {
    const levels = topic.split("/");
    // [MQTT-4.7.2-1] a filter that begins with a wildcard does not match topics that begin with $.
    if (topic.startsWith("$")) {
      const node = this.#root.children?.get(levels[0] as string);
      if (node !== undefined) visit(node, levels, 1, found);
    } else visit(this.#root, levels, 0, found);
  }

  /** Takes the value out below `node` and prunes what is empty. */
  #remove(node: FilterNode<Value>, levels: readonly string[], at: number, value: Value): void {
    const level = levels[at];
    if (level === undefined) {
      node.values?.delete(value);
      if (node.values?.size === 0) node.values = null;
    } else if (level === "#") {
      node.multi?.delete(value);
      if (node.multi?.size === 0) node.multi = null;
    } else if (level === "+") {
      if (node.single === null) return;
      this.#remove(node.single, levels, at + 1, value);
      if (node.single.empty) node.single = null;
    } else {
      const child = node.children?.get(level);
      if (child === undefined) return;
      this.#remove(child, levels, at + 1, value);
      if (child.empty) node.children?.delete(level);
      if (node.children?.size === 0) node.children = null;
    }
  }
}

function childOf<Value>(node: FilterNode<Value>, level: string): FilterNode<Value> {
  node.children ??= new Map();
  let child = node.children.get(level);
  if (child === undefined) node.children.set(level, (child = new FilterNode()));
  return child;
}

function visit<Value>(
  node: FilterNode<Value>,
  levels: readonly string[],
  at: number,
  found: (value: Value) => void,
): void {
  // "sport/#" also matches "sport" (MQTT 5, 4.7.1.2).
  if (node.multi !== null) for (const value of node.multi) found(value);
  const level = levels[at];
  if (level === undefined) {
    if (node.values !== null) for (const value of node.values) found(value);
    return;
  }
  const child = node.children?.get(level);
  if (child !== undefined) visit(child, levels, at + 1, found);
  if (node.single !== null) visit(node.single, levels, at + 1, found);
}
