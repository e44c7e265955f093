import { storageConformance } from "@jackalope/testkit";
import { afterAll, beforeAll, describe } from "vitest";
import { openRedisStorage } from "../src/index.ts";
import { RedisServer } from "./fixture/redis-server.ts";

let server: RedisServer;
let places = 0;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.discard());

const engines = [
  {
    name: "redis",
    async create() {
      const cluster = `place-${++places}`;
      return {
        engine: () => openRedisStorage({ address: server.address, cluster }),
        discard: async () => {},
      };
    },
  },
];

describe.each(engines)("storage: $name", storageConformance);
