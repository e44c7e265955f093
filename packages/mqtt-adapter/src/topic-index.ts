/**
 * One level of the topics that share a beginning. Most nodes have one child, or none, and a Map takes as much memory as
 * a retained message.
 */
class TopicNode<Value> {
  value: Value | null = null;
  #onlyName = "";
  #only: TopicNode<Value> | null = null;
  /** From the second child on. */
  #children: Map<string, TopicNode<Value>> | null = null;

  get isEmpty(): boolean {
    return this.value === null && this.#only === null && this.#children === null;
  }

  child(name: string): TopicNode<Value> | undefined {
    if (this.#children !== null) return this.#children.get(name);
    return this.#only !== null && this.#onlyName === name ? this.#only : undefined;
  }

  /** Adds a child that is not there. */
  addChild(name: string): TopicNode<Value> {
    const child = new TopicNode<Value>();
    if (this.#children !== null) this.#children.set(name, child);
    else if (this.#only === null) {
      this.#onlyName = name;
      this.#only = child;
    } else {
      this.#children = new Map([
        [this.#onlyName, this.#only],
        [name, child],
      ]);
      this.#only = null;
    }
    return child;
  }

  removeChild(name: string): void {
    if (this.#children === null) this.#only = null;
    else {
      this.#children.delete(name);
      if (this.#children.size === 0) this.#children = null;
    }
  }

  /** What is added or removed while they are looked through is found or not. */
  children(): Iterator<TopicNode<Value>> {
    if (this.#children !== null) return this.#children.values();
    return (this.#only === null ? [] : [this.#only]).values();
  }

  *childrenByName(): Generator<readonly [string, TopicNode<Value>], void> {
    if (this.#children !== null) yield* this.#children;
    else if (this.#only !== null) yield [this.#onlyName, this.#only];
  }
}

/** Nodes that are looked at next, and the level of the filter that is looked for below each of them. */
interface Frame<Value> {
  readonly nodes: Iterator<TopicNode<Value>>;
  readonly at: number;
}

/**
 * Values by topic, found by topic filter: the other way round than the core's tree of filters. A search may be left and
 * taken up again while topics come and go; those that came meanwhile may be found or not.
 */
export class TopicIndex<Value> {
  readonly #root = new TopicNode<Value>();
  /** Topics with a value. */
  size = 0;
  /** Levels that exist, those that topics share counted once: what the index takes of memory. */
  nodeCount = 0;

  get(topic: string): Value | null {
    let node: TopicNode<Value> | undefined = this.#root;
    for (const level of topic.split("/")) {
      node = node.child(level);
      if (node === undefined) return null;
    }
    return node.value;
  }

  set(topic: string, value: Value): void {
    let node = this.#root;
    for (const level of topic.split("/")) {
      let child = node.child(level);
      if (child === undefined) {
        child = node.addChild(level);
        this.nodeCount++;
      }
      node = child;
    }
    if (node.value === null) this.size++;
    node.value = value;
  }

  /** A topic that is not there is fine. */
  delete(topic: string): void {
    const levels = topic.split("/");
    const path = [this.#root];
    for (const level of levels) {
      const child = path[path.length - 1]?.child(level);
      if (child === undefined) return;
      path.push(child);
    }
    const leaf = path[path.length - 1] as TopicNode<Value>;
    if (leaf.value === null) return;
    leaf.value = null;
    this.size--;
    for (let depth = levels.length; depth > 0; depth--) {
      if (path[depth]?.isEmpty === false) return;
      path[depth - 1]?.removeChild(levels[depth - 1] as string);
      this.nodeCount--;
    }
  }

  /** The first levels that topics have. */
  get firstLevels(): string[] {
    return [...this.#root.childrenByName()].map(([name]) => name);
  }

  /**
   * The values of the topics that `filter` matches (MQTT 5, 4.7), and a null for each step that finds none, so that the
   * caller may count steps and go on later. The filter is taken as valid.
   */
  *search(filter: string): Generator<Value | null, void> {
    const levels = filter.split("/");
    const frames = [this.#begin(levels)];
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const next = frame.nodes.next();
      if (next.done === true) {
        frames.pop();
        continue;
      }
      let node: TopicNode<Value> | undefined = next.value;
      let at = frame.at;
      while (node !== undefined && isName(levels[at])) node = node.child(levels[at++] as string);
      if (node === undefined) {
        yield null;
        continue;
      }
      const level = levels[at];
      // "sport/#" also matches "sport" (MQTT 5, 4.7.1.2).
      yield level === "+" ? null : node.value;
      if (level !== undefined) frames.push({ nodes: node.children(), at: level === "+" ? at + 1 : at });
    }
  }

  #begin(levels: readonly string[]): Frame<Value> {
    const [first] = levels;
    if (isName(first)) return { nodes: [this.#root].values(), at: 0 };
    return { nodes: this.#ordinary(), at: first === "+" ? 1 : 0 };
  }

  /** [MQTT-4.7.2-1] a filter that begins with a wildcard does not match topics that begin with $. */
  *#ordinary(): Generator<TopicNode<Value>, void> {
    for (const [level, node] of this.#root.childrenByName()) if (!level.startsWith("$")) yield node;
  }
}

function isName(level: string | undefined): boolean {
  return level !== undefined && level !== "+" && level !== "#";
}
