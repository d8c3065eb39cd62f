// What every page has: buttons by their `data-do`, the keyboard, the list of tables.
import { toast } from "./asking.js";
import { python, sql } from "./colours.js";
import "./console.js";
import { toggleFilter } from "./forms.js";
import { keys as gridKeys } from "./grid.js";
import { lookAt, openOrganizations, openTables } from "./palette.js";
import { askToDelete } from "./row.js";

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("studio-theme", root.dataset.theme);
}

async function copy(from) {
  try {
    await navigator.clipboard.writeText(document.getElementById(from).textContent);
    toast("Copied.");
  } catch {
    toast("The browser does not let this page copy.", { bad: true });
  }
}

const doings = {
  menu: () => document.getElementById("side").classList.toggle("open"),
  theme: turnTheme,
  keys: () => document.getElementById("keys").showModal(),
  tenants: openOrganizations,
  "all-tenants": () => lookAt(""),
  filter: () => toggleFilter(),
  delete: askToDelete,
  back: () => history.back(),
  copy: (button) => copy(button.dataset.from),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) return doings[button.dataset.do]?.(button);
  for (const open of document.querySelectorAll("details.drop[open]")) if (!open.contains(event.target)) open.open = false;
  const side = document.getElementById("side");
  if (side.classList.contains("open") && !side.contains(event.target)) side.classList.remove("open");
});

// A page that takes long can be done without: the database stops reading when the browser stops waiting.
let leaving = 0;

function stay() {
  window.stop();
  clearTimeout(leaving);
  leaving = 0;
}

addEventListener("beforeunload", () => (leaving = setTimeout(() => toast("The database is reading. Escape stops it."), 800)));
addEventListener("pageshow", () => (leaving = 0));

const anywhere = {
  "/": () => (document.getElementById("search") ?? document.getElementById("narrow")).focus(),
  f: () => toggleFilter(),
  d: turnTheme,
  "?": () => document.getElementById("keys").showModal(),
};
const after = { t: openTables, o: openOrganizations, s: () => location.assign("/sql"), h: () => location.assign("/"), m: () => location.assign("/migrations") };
let went = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey && event.key === "k") {
    event.preventDefault();
    return openTables();
  }
  if (event.key === "Escape" && leaving) stay();
  if (event.key === "Escape" && event.target.matches("input, select")) return event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const second = went && event.timeStamp - went < 1200 ? after[event.key] : null;
  went = !second && event.key === "g" ? event.timeStamp : 0;
  const doing = second ?? anywhere[event.key] ?? gridKeys[event.key];
  if (!doing) return;
  event.preventDefault();
  doing();
});

document.getElementById("narrow")?.addEventListener("input", (event) => {
  const typed = event.target.value.trim().toLowerCase();
  for (const link of document.querySelectorAll(".tables a")) link.hidden = !link.dataset.table.toLowerCase().includes(typed);
});
document.getElementById("narrow")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter") document.querySelector(".tables a:not([hidden])")?.click();
});
document.documentElement.dataset.ready = "";
document.querySelector(".tables [aria-current]")?.scrollIntoView({ block: "nearest" });
for (const place of document.querySelectorAll("pre[data-highlight]")) place.replaceChildren(...(place.dataset.highlight === "sql" ? sql : python)(place.textContent));
