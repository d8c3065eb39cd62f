/**
 * What the Node peers share: the same arguments, load and form of measurements as bench/peers/common.py.
 *
 * A program is told its database in BENCH_DATABASE_URL and prints one JSON line a measurement.
 */
"use strict";

const { parseArgs } = require("node:util");

const BATCH = 1000;
const CALLERS = 10;
const PAYLOAD = { number: 1, text: "sixty characters or so of text, as a small real payload has it" };

/** What the benchmark asks for; `measures` are separated by commas. */
function asked() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      items: { type: "string", default: "20000" },
      "single-seconds": { type: "string", default: "3" },
      "latency-seconds": { type: "string", default: "5" },
    },
  });
  return {
    measures: positionals[0].split(","),
    items: Number(values.items),
    singleSeconds: Number(values["single-seconds"]),
  };
}

/** Print one rate, in items a second. */
function report(measure, rate) {
  console.log(JSON.stringify({ measure, values: { rate } }));
}

/** Items a second with one caller and batches of a thousand. */
async function rateOfBatches(call, items) {
  const began = performance.now();
  for (let start = 0; start < items; start += BATCH) {
    await call(Math.min(BATCH, items - start));
  }
  return (items / (performance.now() - began)) * 1000;
}

/** Calls a second with ten callers at once. */
async function rateOfCalls(call, seconds) {
  const end = performance.now() + seconds * 1000;
  let count = 0;
  const caller = async () => {
    while (performance.now() < end) {
      await call();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return count / seconds;
}

/** Take the measurements asked for, in order; `program` has a function for each. */
async function main(program) {
  const { measures, ...load } = asked();
  for (const measure of measures) {
    await program[measure](load);
  }
}

module.exports = { CALLERS, PAYLOAD, main, rateOfBatches, rateOfCalls, report };
