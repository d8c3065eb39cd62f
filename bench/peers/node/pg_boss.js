/**
 * pg-boss as fast as we found it: `fetch` of 1,000 and `complete` of them together, by two loops of one process, and
 * no supervision or schedules beside it. (`work` looks at most twice a second.)
 *
 * The drain's time is the process's, from the first `fetch` to the last `complete`; completed jobs are kept.
 */
"use strict";

const { Pool } = require("pg");
const PgBoss = require("pg-boss");

const { CALLERS, PAYLOAD, main, rateOfBatches, rateOfCalls, report } = require("./common");

const QUEUE = "nothing";
const BATCH = 1000;
const LOOPS = 2;
const connectionString = process.env.BENCH_DATABASE_URL;

async function withBoss(use) {
  const boss = new PgBoss({ connectionString, max: CALLERS, supervise: false, schedule: false });
  boss.on("error", (error) => {
    throw error;
  });
  await boss.start();
  try {
    await use(boss);
  } finally {
    await boss.stop({ graceful: false, wait: true });
  }
}

async function drained(boss) {
  let count = 0;
  for (;;) {
    const jobs = await boss.fetch(QUEUE, { batchSize: BATCH });
    if (jobs.length === 0) {
      return count;
    }
    count += jobs.length;
    await boss.complete(
      QUEUE,
      jobs.map((job) => job.id),
    );
  }
}

main({
  install: () => withBoss((boss) => boss.createQueue(QUEUE)),

  empty: async () => {
    const pool = new Pool({ connectionString, max: 1 });
    await pool.query("truncate pgboss.job");
    await pool.end();
  },

  bulk: ({ items }) =>
    withBoss(async (boss) => {
      const call = (count) => boss.insert(Array.from({ length: count }, () => ({ name: QUEUE, data: PAYLOAD })));
      report("bulk", await rateOfBatches(call, items));
    }),

  single: ({ singleSeconds }) =>
    withBoss(async (boss) => {
      report("single", await rateOfCalls(() => boss.send(QUEUE, PAYLOAD), singleSeconds));
    }),

  drain: ({ items }) =>
    withBoss(async (boss) => {
      const began = performance.now();
      const counts = await Promise.all(Array.from({ length: LOOPS }, () => drained(boss)));
      const seconds = (performance.now() - began) / 1000;
      const count = counts.reduce((sum, each) => sum + each, 0);
      if (count !== items) {
        throw new Error(`pg-boss completed ${count} of ${items} items`);
      }
      report("drain", items / seconds);
    }),
});
