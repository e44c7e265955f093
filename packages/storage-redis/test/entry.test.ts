import { type Message, Route } from "@jackalope/core/storage";
import { testMessage } from "@jackalope/testkit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Entry } from "../src/entry.ts";
import { EntryReader, forEachRow } from "../src/entry-reader.ts";
import { EntryWriter } from "../src/entry-writer.ts";
import { Holders } from "../src/holders.ts";
import { CorruptIndexError } from "../src/redis-error.ts";
import { SlabPool } from "../src/slab-pool.ts";

/** Writes messages as a commit does, and gives the fields as Redis returns them. */
function write(streamId: number, rows: readonly { lsn: number; message: Message; queueIds: readonly number[] }[]) {
  const writer = new EntryWriter(streamId, rows[0]?.lsn ?? 1, rows[0]?.lsn ?? 1, new SlabPool());
  for (const { lsn, message, queueIds } of rows) writer.add(lsn, message, queueIds);
  const fields = new Map<string, Buffer>();
  const pairs = writer.fields;
  for (let at = 0; at < pairs.length; at += 2) fields.set(String(pairs[at]), Buffer.from(pairs[at + 1] as Buffer));
  const field = (name: string): Buffer => fields.get(name) ?? Buffer.alloc(0);
  return {
    writer,
    index: field("index"),
    data: field("data"),
    routes: field("routes").toString(),
    queues: field("queues"),
  };
}

describe("the fields of an entry", () => {
  test("give messages back with all that belongs to them", () => {
    const messages = ["", "a", "b".repeat(5000)].map((body, place) => {
      const message = testMessage(body, place === 0 ? "" : '{"type":"t"}', new Route("e", `key ${place % 2} ü`));
      message.persistent = place === 1;
      message.priority = place * 100;
      message.expirationMs = place - 1;
      message.publishedAtMs = 2 ** 41 + place;
      message.extraKeys = place === 2 ? ["ç"] : [];
      return message;
    });
    const rows = messages.map((message, place) => ({ lsn: 2 ** 52 + place * 3, message, queueIds: [5] }));
    const fields = write(5, rows);
    const found = new Map<number, Message>();
    new EntryReader().read(fields, 2 ** 52, new Set(rows.map(({ lsn }) => lsn)), found);
    for (const { lsn, message } of rows) {
      const read = found.get(lsn) as Message;
      const apart = { bytes: 0, route: 0, format: 0, nativeStart: 0, nativeEnd: 0, bodyStart: 0, bodyEnd: 0 };
      const facts = (of: Message) => Object.assign({}, of, apart);
      expect(facts(read)).toEqual(Object.assign(facts(message), { owned: true, lsn }));
      expect(read.route).toMatchObject({ exchange: "e", routingKey: message.route.routingKey });
      expect(Buffer.from(read.body).equals(Buffer.from(message.body))).toBe(true);
      expect(Buffer.from(read.native).equals(Buffer.from(message.native))).toBe(true);
    }
  });

  test("are refused where they are cut, at every byte", () => {
    const rows = [1, 2, 3].map((lsn) => ({ lsn, message: testMessage(`body ${lsn}`), queueIds: [1, 2 + lsn] }));
    const { index, data, queues } = write(0, rows);
    const visit = (): void => undefined;
    forEachRow(index, 1, data.length, visit);
    for (let cut = 0; cut < index.length; cut++) {
      expect(() => forEachRow(index.subarray(0, cut), 1, data.length, visit)).toThrow(CorruptIndexError);
    }
    for (let cut = 0; cut < data.length; cut++)
      expect(() => forEachRow(index, 1, cut, visit)).toThrow(CorruptIndexError);
    expect(Holders.decode(queues).sets).toEqual([
      [1, 3],
      [1, 4],
      [1, 5],
    ]);
    for (let cut = 1; cut < queues.length; cut++) {
      if (cut % 12 !== 0) expect(() => Holders.decode(queues.subarray(0, cut))).toThrow(CorruptIndexError);
    }
  });
});

describe("what is settled of an entry", () => {
  const shared = fc.record({
    sets: fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), { minLength: 1 }),
    gaps: fc.array(fc.integer({ min: 1, max: 3 })),
    settles: fc.array(fc.record({ place: fc.nat(30), queueId: fc.integer({ min: 1, max: 10 }) })),
    sealAfter: fc.nat(20),
  });

  test("is the same as in a model, and after a restart", () => {
    fc.assert(
      fc.property(shared, fc.boolean(), ({ sets, gaps, settles, sealAfter }, isShared) => {
        let lsn = 100;
        const streamId = isShared ? 0 : 7;
        const rows = sets.map((queueIds, place) => {
          lsn += gaps[place] ?? 1;
          return { lsn, message: testMessage("x"), queueIds: isShared ? queueIds : [streamId] };
        });
        const { writer, index, data, queues } = write(streamId, rows);
        const { entry } = writer;
        const model = rows.map(({ queueIds }) => new Set(queueIds));
        for (const [step, { place, queueId }] of settles.entries()) {
          if (step === sealAfter) entry.seal();
          const row = rows[place % rows.length] as (typeof rows)[number];
          const holder = isShared ? queueId : streamId;
          expect(entry.settle(entry.placeOf(row.lsn), holder)).toBe(model[place % rows.length]?.delete(holder));
        }
        entry.seal();
        expect(entry.lastLsn).toBe(lsn);
        const again = new Entry(streamId, rows[0]?.lsn ?? 0, 1, isShared ? Holders.decode(queues) : null);
        forEachRow(index, again.firstLsn, data.length, (row) => again.add(row.lsn, row.queueSet - 1));
        again.seal();
        again.restore(entry.note());
        for (const each of [entry, again]) {
          expect(each.remaining).toBe(model.reduce((sum, { size }) => sum + size, 0));
          expect(each.finished).toBe(each.remaining === 0);
          expect(each.live).toBe(model.filter(({ size }) => size > 0).length);
          for (const [place, row] of rows.entries()) {
            expect(each.placeOf(row.lsn)).toBe(place);
            expect(each.isSettled(place)).toBe(model[place]?.size === 0);
            if (isShared) expect(each.holdersOf(place)).toEqual([...(model[place] as Set<number>)]);
          }
          for (const missing of [0, 100, lsn + 1]) expect(each.placeOf(missing)).toBe(-1);
        }
      }),
    );
  });
});
