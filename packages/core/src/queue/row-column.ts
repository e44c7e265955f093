/** One fact of each of many rows. */
export interface RowColumn {
  at(index: number): number;
}

/** Rows that are the same, or count up: a flood of one publisher's messages. */
class Progression implements RowColumn {
  readonly #first: number;
  readonly #step: number;

  constructor(first: number, step: number) {
    this.#first = first;
    this.#step = step;
  }

  at(index: number): number {
    return this.#first + index * this.#step;
  }
}

/** Rows that are near to the smallest of them. */
class Offsets implements RowColumn {
  readonly #base: number;
  readonly #offsets: Uint16Array | Uint32Array;

  constructor(base: number, offsets: Uint16Array | Uint32Array) {
    this.#base = base;
    this.#offsets = offsets;
  }

  at(index: number): number {
    return this.#base + (this.#offsets[index] as number);
  }
}

class Values implements RowColumn {
  readonly #values: Float64Array;

  constructor(values: Float64Array) {
    this.#values = values;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }
}

/** The same whole numbers, below 2^53 in size, in as little memory as their kind allows: none a row, two bytes, four or eight. */
export function compactColumn(values: Float64Array): RowColumn {
  const first = values[0] ?? 0;
  const step = (values[1] ?? first) - first;
  let progresses = true;
  let smallest = first;
  let largest = first;
  for (let index = 1; index < values.length; index++) {
    const value = values[index] as number;
    if (value !== first + index * step) progresses = false;
    if (value < smallest) smallest = value;
    else if (value > largest) largest = value;
  }
  if (progresses) return new Progression(first, step);
  const range = largest - smallest;
  if (range > 0xffff_ffff) return new Values(values.slice());
  const offsets = range > 0xffff ? new Uint32Array(values.length) : new Uint16Array(values.length);
  for (let index = 0; index < values.length; index++) offsets[index] = (values[index] as number) - smallest;
  return new Offsets(smallest, offsets);
}
