/** How topics are written, under the names of mqemitter's options. */
export interface TopicSyntaxOptions {
  /** Between the levels. Default "/". */
  readonly separator?: string;
  /** Stands for one level. Default "+". */
  readonly wildcardOne?: string;
  /** Stands for the level before it and all that follow, at the end of a filter. Default "#". */
  readonly wildcardSome?: string;
  /** Whether a wildcard for one level matches an empty one. Default true, as MQTT has it. */
  readonly matchEmptyLevels?: boolean;
}

/** Translates an emitter's topics into MQTT's, which is what the broker's routing goes by. */
export class TopicSyntax {
  readonly #separator: string;
  readonly #wildcardOne: string;
  readonly #wildcardSome: string;
  readonly #matchesEmptyLevels: boolean;

  constructor(options: TopicSyntaxOptions) {
    this.#separator = options.separator ?? "/";
    this.#wildcardOne = options.wildcardOne ?? "+";
    this.#wildcardSome = options.wildcardSome ?? "#";
    this.#matchesEmptyLevels = options.matchEmptyLevels ?? true;
  }

  /** A topic in MQTT's writing. */
  toTopic(text: string): string {
    return this.#separator === "/" ? text : text.split(this.#separator).map(escaped).join("/");
  }

  /** A topic in the emitter's own writing. */
  fromTopic(topic: string): string {
    return this.#separator === "/" ? topic : topic.split("/").map(unescaped).join(this.#separator);
  }

  /** A topic filter in MQTT's writing. Throws where the wildcard for all that follow is not its last level. */
  toFilter(text: string): string {
    const levels = text.split(this.#separator).map((level) => {
      if (level === this.#wildcardOne) return "+";
      if (level === this.#wildcardSome) return "#";
      return this.#separator === "/" ? level : escaped(level);
    });
    // [MQTT-4.7.1-2]
    const at = levels.indexOf("#");
    if (at >= 0 && at < levels.length - 1) throw new Error(`'${text}': ${this.#wildcardSome} is not the last level`);
    return levels.join("/");
  }

  /** Whether a filter that matches by MQTT's rules does so here too. Both in MQTT's writing. */
  accepts(filter: string, topic: string): boolean {
    if (this.#matchesEmptyLevels) return true;
    const levels = topic.split("/");
    return filter.split("/").every((level, at) => level !== "+" || levels[at] !== "");
  }
}

function escaped(level: string): string {
  return level.replaceAll("%", "%25").replaceAll("/", "%2F");
}

function unescaped(level: string): string {
  return level.replaceAll("%2F", "/").replaceAll("%25", "%");
}
