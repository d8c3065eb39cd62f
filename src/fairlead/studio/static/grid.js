// The grid: a row and a column to stand on, moved by the keyboard; what is done is done there.
import { edit } from "./editing.js";

const grid = document.getElementById("grid");
const rows = grid ? [...grid.tBodies[0].rows] : [];
let at = -1;
let column = 1;

function stand(row, cell) {
  if (!rows.length) return;
  rows[at]?.classList.remove("here");
  grid.querySelector("td.cursor")?.classList.remove("cursor");
  at = Math.max(0, Math.min(row, rows.length - 1));
  column = Math.max(1, Math.min(cell, rows[at].cells.length - 1));
  rows[at].classList.add("here");
  const here = rows[at].cells[column];
  here.classList.add("cursor");
  here.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const cell = () => rows[at]?.cells[column];
const follow = (link) => link && location.assign(link.href);

export const keys = {
  j: () => stand(at + 1, column),
  k: () => stand(Math.max(at, 1) - 1, column),
  ArrowDown: () => stand(at + 1, column),
  ArrowUp: () => stand(Math.max(at, 1) - 1, column),
  l: () => stand(Math.max(at, 0), column + (at < 0 ? 0 : 1)),
  h: () => stand(Math.max(at, 0), column - 1),
  ArrowRight: () => stand(Math.max(at, 0), column + (at < 0 ? 0 : 1)),
  ArrowLeft: () => stand(Math.max(at, 0), column - 1),
  Enter: () => follow(rows[at]?.querySelector(".gutter a")),
  o: () => follow(cell()?.querySelector("a.ref")),
  e: () => cell() && edit(grid, rows[at].dataset.key, cell()),
  n: () => follow(document.getElementById("page-after")),
  p: () => follow(document.getElementById("page-before")),
};

grid?.addEventListener("click", (event) => {
  const clicked = event.target.closest("td");
  if (clicked && !event.target.closest("a, .editor-cell")) stand(rows.indexOf(clicked.parentElement), clicked.cellIndex);
});
grid?.addEventListener("dblclick", (event) => {
  const clicked = event.target.closest("td[data-column]");
  if (clicked && !event.target.closest(".editor-cell")) edit(grid, clicked.parentElement.dataset.key, clicked);
});
