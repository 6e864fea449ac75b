import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { dial } from "../support/dial.ts";
import { until } from "../support/until.ts";
import { exchange, lasting } from "./exchange.ts";
import { frameworks } from "./frameworks.ts";
import { effectIn, serving } from "./serving.ts";

// Ways in which handlers use Node's response, in every framework that has one.

const withResponse = frameworks.filter(({ cannot }) => cannot.rawEnd === undefined);

/** Those that let us see when a handler has ended: what it does after its answer is in its operation. */
const seeingEnds = withResponse.filter(({ name }) => ["node", "koa", "nest"].includes(name));

describe.for(withResponse)("$name", (framework) => {
  test("trailers reach the first caller and are not stored, and the answer is whole, first and again", async () => {
    const { url } = await serving(framework, {
      handle: () => ({
        raw: (response: ServerResponse) => {
          response.statusCode = 200;
          response.setHeader("trailer", "x-sum");
          response.write("who");
          response.addTrailers({ "x-sum": "5" });
          response.end("le");
        },
      }),
    });
    const [first, repeat] = [await exchange(url), await exchange(url)];
    expect([first.status, first.text, first.trailers]).toEqual([200, "whole", { "x-sum": "5" }]);
    expect([repeat.replayed, repeat.headers["trailer"], repeat.trailers]).toEqual([true, undefined, {}]);
    delete first.headers["trailer"];
    expect(lasting(repeat)).toEqual(lasting(first));
  });

  test("an answer to HEAD has the length of the one to GET", async () => {
    const { rules } = effectIn("transactional, in SQLite");
    const { url } = await serving(framework, {
      rules: { ...rules, methods: ["POST"], profile: { keyRequired: false } },
      handle: () => ({
        raw: (response) => {
          response.writeHead(200, { "content-length": "5" });
          response.end(response.req.method === "HEAD" ? undefined : "whole");
        },
      }),
    });
    const { socket, heard } = dial(url);
    socket.write("HEAD /v1/orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await until(() => heard().includes("\r\n\r\n"));
    expect(heard().toLowerCase()).toContain("content-length: 5\r\n");
  });

  test("a status of ours has its own reason phrase, whatever the handler's answer had", async () => {
    const { url } = await serving(framework, {
      handle: ({ execution }) => ({
        raw: (response) => {
          if (execution.key === "own") return void response.writeHead(201, "Ordered").end();
          response.statusMessage = "Internal Server Error";
          response.destroy();
        },
      }),
    });
    for (const [key, line] of [
      ["own", "HTTP/1.1 201 Ordered\r\n"],
      ["own", "HTTP/1.1 201 Created\r\n"],
      ["destroyed", "HTTP/1.1 500 Internal Server Error\r\n"],
    ] as const) {
      const { socket, heard } = dial(url);
      socket.write(`POST /v1/orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: ${key}\r\nContent-Length: 0\r\n\r\n`);
      await until(() => heard().includes("\r\n\r\n"));
      expect(heard().slice(0, line.length)).toBe(line);
    }
  });

  test("an error after the first byte leaves the outcome unknown, and half a response is not stored", async () => {
    const errors: unknown[] = [];
    const { url } = await serving(framework, {
      rules: { onError: (error) => errors.push(error) },
      handle: () => ({
        raw: (response) => {
          response.write("half of it");
          // Fastify is out of the game once it handed its response over.
          if (framework.name === "fastify") response.destroy(new Error("fault"));
          else throw new Error("fault");
        },
      }),
    });
    for (const replayed of [false, true]) {
      const { status, text, replayed: isReplay } = await exchange(url);
      expect([status, isReplay]).toEqual([500, replayed]);
      expect(text).toContain("ONCE_HANDLER_FAILED");
      expect(text).not.toContain("half");
    }
    expect(errors).toHaveLength(1);
  });
});

describe.for(seeingEnds)("$name", (framework) => {
  test("a handler that throws after it answered has failed: the effect is rolled back, and the error reported", async () => {
    const { rules, happen, happened } = effectIn("transactional, in SQLite");
    const errors: unknown[] = [];
    let runs = 0;
    const { url } = await serving(framework, {
      rules: { ...rules, onError: (error) => errors.push(error) },
      handle: async (call) => {
        happen(call);
        runs += 1;
        return {
          raw: async (response) => {
            response.writeHead(200).end("made");
            await new Promise(setImmediate);
            if (runs === 1) throw new Error("the row was not written");
          },
        };
      },
    });
    expect(await exchange(url)).toMatchObject({ status: 500, text: expect.stringContaining("ONCE_HANDLER_FAILED") });
    expect([happened(), errors]).toEqual([[], [new Error("the row was not written")]]);
    expect(await exchange(url)).toMatchObject({ status: 200, text: "made", replayed: false });
    expect(happened()).toEqual(["tea"]);
  });
});
