import { BrokerError } from "../errors.ts";
import type { FieldTable } from "../field-value.ts";
import type { Binding, Destination } from "./binding.ts";
import type { Matcher } from "./matcher.ts";
import { topicFilterOf } from "./topic-filter-binding.ts";
import { TopicFilterTree } from "./topic-filter-tree.ts";
import { topicLevelsMax, topicOfKey } from "./topic-name.ts";

const systemTopicPrefix = "$SYS/";

/** One word of the binding keys that share a prefix. */
class TrieNode {
  children: Map<string, TrieNode> | null = null;
  /** Bindings whose key ends here. */
  bindings: Set<Binding> | null = null;

  get empty(): boolean {
    return this.children === null && this.bindings === null;
  }
}

/**
 * Topic exchanges: keys are words between dots, `*` stands for exactly one word, `#` for none or more (AMQP 0-9-1,
 * 3.1.3.3). A trie over the binding keys' words: a publish walks its own words and the wildcards beside them, so
 * bindings that do not match cost nothing. Empty words count: `a..b` has three. The empty key has none at all, so only
 * `#` and the empty key match it (RabbitMQ).
 *
 * Bindings by a topic filter, which are MQTT subscriptions, stand in a tree of their own: a filter matches the topic by
 * MQTT's rules, whatever dots and stars are in it.
 */
export class TopicMatcher implements Matcher {
  readonly readsHeaders = false;
  readonly compared = 0;
  readonly #root = new TrieNode();
  readonly #filters = new TopicFilterTree<Binding>();
  #filterCount = 0;

  /** Throws precondition-failed where the topic filter is no text, or it or the key has more than `topicLevelsMax` words. */
  add(binding: Binding): void {
    const filter = topicFilterOf(binding);
    if (filter !== null) {
      requireFew(filter.split("/"));
      this.#filters.add(filter, binding);
      this.#filterCount++;
      return;
    }
    let node = this.#root;
    const words = wordsOf(binding.routingKey);
    requireFew(words);
    for (const word of words) {
      node.children ??= new Map();
      let child = node.children.get(word);
      if (child === undefined) node.children.set(word, (child = new TrieNode()));
      node = child;
    }
    node.bindings ??= new Set();
    node.bindings.add(binding);
  }

  remove(binding: Binding): void {
    const filter = topicFilterOf(binding);
    if (filter !== null) {
      this.#filters.remove(filter, binding);
      this.#filterCount--;
      return;
    }
    const words = wordsOf(binding.routingKey);
    const path: TrieNode[] = [this.#root];
    for (const word of words) {
      const child = path[path.length - 1]?.children?.get(word);
      if (child === undefined) return;
      path.push(child);
    }
    const leaf = path[path.length - 1] as TrieNode;
    leaf.bindings?.delete(binding);
    if (leaf.bindings?.size === 0) leaf.bindings = null;
    this.#prune(path, words);
  }

  match(
    routingKey: string,
    _headers: FieldTable,
    found: (destination: Destination) => void,
    topic: string | null = null,
  ): void {
    if (this.#filterCount > 0) {
      const path = topic ?? topicOfKey(routingKey);
      // What the broker says about itself, nobody else says.
      if (!path.startsWith(systemTopicPrefix)) this.matchTopic(path, found);
    }
    const words = wordsOf(routingKey);
    // A pair of (node, position) is worth one visit: without this, "#.#.#" would walk a key exponentially often.
    visit(this.#root, words, 0, found, new Map());
  }

  /** As `match`, for the bindings with a topic filter alone. */
  matchTopic(topic: string, found: (destination: Destination) => void): void {
    this.#filters.match(topic, (binding) => found(binding.destination));
  }

  #prune(path: readonly TrieNode[], words: readonly string[]): void {
    for (let depth = words.length; depth > 0 && path[depth]?.empty === true; depth--) {
      const parent = path[depth - 1] as TrieNode;
      parent.children?.delete(words[depth - 1] as string);
      if (parent.children?.size === 0) parent.children = null;
    }
  }
}

function requireFew(words: readonly string[]): void {
  if (words.length <= topicLevelsMax) return;
  throw new BrokerError("precondition-failed", `a binding of a topic exchange has at most ${topicLevelsMax} words`);
}

function wordsOf(key: string): string[] {
  return key === "" ? [] : key.split(".");
}

type Visited = Map<TrieNode, Set<number>>;

function visit(
  node: TrieNode,
  words: readonly string[],
  at: number,
  found: (d: Destination) => void,
  seen: Visited,
): void {
  const children = node.children;
  if (at === words.length) {
    if (node.bindings !== null) for (const binding of node.bindings) found(binding.destination);
    // `#` matches no word at all: "a.#" matches "a".
    const hash = children?.get("#");
    if (hash !== undefined) visitHash(hash, words, at, found, seen);
    return;
  }
  if (children === null) return;
  const word = words[at] as string;
  const exact = word === "*" || word === "#" ? undefined : children.get(word);
  if (exact !== undefined) visit(exact, words, at + 1, found, seen);
  const star = children.get("*");
  if (star !== undefined) visit(star, words, at + 1, found, seen);
  const hash = children.get("#");
  if (hash !== undefined) visitHash(hash, words, at, found, seen);
}

function visitHash(
  hash: TrieNode,
  words: readonly string[],
  at: number,
  found: (d: Destination) => void,
  seen: Visited,
): void {
  let positions = seen.get(hash);
  if (positions === undefined) seen.set(hash, (positions = new Set()));
  for (let next = at; next <= words.length; next++) {
    if (positions.has(next)) return;
    positions.add(next);
    visit(hash, words, next, found, seen);
  }
}
