/** The item at `index`; fails where there is none. */
export function nth<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`there are ${items.length} items, and none at ${index}`);
  return item;
}
