// The SQL console: one statement runs at a time and can be cancelled; what was run is remembered in this browser.
import { element, tell, toast } from "./asking.js";
import { plan, sql as inColours } from "./colours.js";

const home = document.getElementById("console");
const text = document.getElementById("sql");
const colours = document.getElementById("sql-colours");
const state = document.getElementById("sql-state");
const answer = document.getElementById("sql-answer");
const cancel = document.getElementById("cancel");
const buttons = home ? [...home.querySelectorAll("[data-mode]")] : [];
const memory = "studio-sql";
let running = null;
let last = null;

const remembered = () => JSON.parse(localStorage.getItem(memory) ?? "[]");

function remember(statement) {
  const kept = [statement, ...remembered().filter((each) => each !== statement)].slice(0, 50);
  localStorage.setItem(memory, JSON.stringify(kept));
}

function paint() {
  colours.replaceChildren(...inColours(text.value), "\n");
  colours.scrollTop = text.scrollTop;
  sessionStorage.setItem(memory, text.value);
}

function busy(name) {
  running = name;
  buttons.forEach((button) => (button.disabled = Boolean(name)));
  cancel.hidden = !name;
  if (name) state.textContent = "Running…";
}

const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`);

async function run(mode) {
  const statement = text.selectionEnd > text.selectionStart ? text.value.slice(text.selectionStart, text.selectionEnd) : text.value;
  if (running || !statement.trim()) return;
  const name = crypto.randomUUID();
  busy(name);
  remember(text.value.trim());
  try {
    show(await tell("/sql/run", { sql: statement, mode, name }), mode);
  } catch (error) {
    state.textContent = "";
    answer.replaceChildren(element("div", { class: "wrong", role: "alert" }, error.message));
  }
  busy(null);
}

function show(given, mode) {
  last = given.columns.length && mode === "run" ? given : null;
  document.getElementById("sql-csv").hidden = document.getElementById("sql-json").hidden = !last;
  const notices = given.notices.length ? [element("ul", { class: "notices" }, ...given.notices.map((each) => element("li", {}, each)))] : [];
  if (given.error) {
    state.textContent = seconds(given.seconds);
    const more = given.hint ? [element("p", {}, given.hint)] : [];
    answer.replaceChildren(element("div", { class: "wrong", role: "alert" }, element("p", {}, given.error), ...more), ...notices);
    if (given.at > 0) text.setSelectionRange(given.at - 1, text.value.indexOf(" ", given.at) + 1 || text.value.length);
    return;
  }
  const count = `${given.rows.length.toLocaleString("en")} row${given.rows.length === 1 ? "" : "s"}`;
  state.textContent = given.columns.length && mode === "run" ? `${given.cut ? `First ${count}, there are more` : count} · ${seconds(given.seconds)}` : seconds(given.seconds);
  if (mode !== "run") answer.replaceChildren(element("pre", { class: "plan" }, ...plan(given.rows.map((row) => row[0]).join("\n"))));
  else if (given.columns.length) answer.replaceChildren(...notices, table(given));
  else answer.replaceChildren(...notices, element("div", { class: "empty" }, element("p", { class: "large" }, "Done; it returned no rows.")));
}

const numeric = new Set(["int2", "int4", "int8", "float4", "float8", "numeric", "oid"]);

function table(given) {
  const kind = given.columns.map((column) => (numeric.has(column.type) ? "number" : column.type.startsWith("json") ? "json" : column.type.startsWith("timestamp") ? "time" : ""));
  const head = given.columns.map((column, place) => element("th", { scope: "col", class: kind[place] }, column.name, element("small", {}, column.type)));
  const body = given.rows.map((row) =>
    element("tr", {}, ...row.map((value, place) => element("td", { class: value === null ? "null" : kind[place], title: value ?? "" }, value ?? "null"))),
  );
  return element("div", { class: "scroll grid-scroll" }, element("table", { class: "grid" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
}

const harmless = (value) => (/^[=+\-@\t\r]/.test(value) && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value) ? `'${value}` : value);
const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

function save(kind) {
  const names = last.columns.map((column) => column.name);
  const lines = [names, ...last.rows].map((row) => row.map((value) => quoted(harmless(value ?? ""))).join(","));
  const objects = last.rows.map((row) => Object.fromEntries(row.map((value, place) => [names[place], value])));
  const content = kind === "csv" ? `${lines.join("\n")}\n` : JSON.stringify(objects, null, 2);
  const address = URL.createObjectURL(new Blob([content], { type: kind === "csv" ? "text/csv" : "application/json" }));
  element("a", { href: address, download: `result.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function history() {
  const kept = remembered();
  const take = (statement) => () => {
    text.value = statement;
    document.getElementById("history").open = false;
    paint();
    text.focus();
  };
  const items = kept.map((statement) => element("li", {}, element("button", { type: "button", title: statement, onclick: take(statement) }, statement.replace(/\s+/g, " ").slice(0, 90))));
  document.getElementById("history-list").replaceChildren(...(items.length ? items : [element("li", {}, element("p", { class: "dim" }, "Nothing yet."))]));
}

if (home) {
  text.value ||= new URLSearchParams(location.search).get("q") ?? sessionStorage.getItem(memory) ?? "";
  text.addEventListener("input", paint);
  text.addEventListener("scroll", () => (colours.scrollTop = text.scrollTop));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run(event.shiftKey ? "explain" : "run");
    } else if (event.key === "Escape" && !running) text.blur();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && running && cancel.click());
  buttons.forEach((button) => button.addEventListener("click", () => run(button.dataset.mode)));
  cancel.addEventListener("click", () => running && tell("/sql/cancel", { name: running }).catch((error) => toast(error.message, { bad: true })));
  document.getElementById("sql-csv").addEventListener("click", () => save("csv"));
  document.getElementById("sql-json").addEventListener("click", () => save("json"));
  document.getElementById("history").addEventListener("toggle", history);
  paint();
  text.focus();
}
