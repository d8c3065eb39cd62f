/**
 * graphile-worker with the settings of its documentation's page on performance: 24 jobs at once, a local queue of 500,
 * completions batched without delay.
 *
 * The drain is `runOnce` in one process; its time is from the first job's start to the last one's, because finished
 * jobs are deleted and leave nothing to read a time from. Nothing is logged.
 */
"use strict";

const { Logger, makeWorkerUtils, runOnce } = require("graphile-worker");
const { Pool } = require("pg");

const { CALLERS, PAYLOAD, main, rateOfBatches, rateOfCalls, report } = require("./common");

const CONCURRENT_JOBS = 24;
const logger = new Logger(() => () => {});
const connectionString = process.env.BENCH_DATABASE_URL;
const preset = {
  worker: {
    connectionString,
    concurrentJobs: CONCURRENT_JOBS,
    maxPoolSize: CONCURRENT_JOBS + 1,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    logger,
  },
};

async function withUtilities(connections, use) {
  const pgPool = new Pool({ connectionString, max: connections });
  const utilities = await makeWorkerUtils({ pgPool, logger });
  try {
    await use(utilities);
  } finally {
    await utilities.release();
    await pgPool.end();
  }
}

main({
  install: () => withUtilities(1, (utilities) => utilities.migrate()),

  empty: async () => {
    const pool = new Pool({ connectionString, max: 1 });
    await pool.query("truncate graphile_worker._private_jobs");
    await pool.end();
  },

  bulk: ({ items }) =>
    withUtilities(1, async (utilities) => {
      const call = (count) =>
        utilities.addJobs(Array.from({ length: count }, () => ({ identifier: "nothing", payload: PAYLOAD })));
      report("bulk", await rateOfBatches(call, items));
    }),

  single: ({ singleSeconds }) =>
    withUtilities(CALLERS, async (utilities) => {
      report("single", await rateOfCalls(() => utilities.addJob("nothing", PAYLOAD), singleSeconds));
    }),

  drain: async ({ items }) => {
    let count = 0;
    let first = 0;
    let last = 0;
    const nothing = () => {
      last = performance.now();
      first ||= last;
      count += 1;
    };
    await runOnce({ preset, taskList: { nothing } });
    if (count !== items) {
      throw new Error(`graphile-worker ran ${count} of ${items} items`);
    }
    report("drain", (items / (last - first)) * 1000);
  },
});
