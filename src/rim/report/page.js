"use strict";
// How many lines paper has room for; the others carry the class that the style hides there.
const PRINTED = document.querySelectorAll("#line-table tbody tr:not(.tail)").length;

function retail(table) {
  if (table.id !== "line-table") return;
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    if (!row.hidden) shown += 1;
    row.classList.toggle("tail", row.hidden || shown > PRINTED);
  }
}

const byNumber = (one, other) => Number(one) - Number(other);
const byWords = new Intl.Collator(undefined, { numeric: true }).compare;

function sort(table, column, head) {
  const isNumber = head.matches(".number, .share");
  const compare = isNumber ? byNumber : byWords;
  // Numbers begin with the largest, words with the first; then either way in turn.
  const turned = { ascending: "descending", descending: "ascending" };
  const next = turned[head.getAttribute("aria-sort")] ?? (isNumber ? "descending" : "ascending");
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", next);
  const sign = next === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const keyOf = ({ cells: { [column]: cell } }) => cell.dataset.sort ?? cell.textContent;
  const rows = Array.from(body.rows, (row) => [keyOf(row), row]);
  rows.sort(([one], [other]) => sign * compare(one, other));
  body.append(...rows.map(([, row]) => row));
  retail(table);
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const [column, head] of Array.from(table.tHead.rows[0].cells).entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, column, head));
    head.append(button);
  }
}

const form = document.querySelector("form.filter");
if (form !== null) {
  const table = document.getElementById("line-table");
  const rows = Array.from(table.tBodies[0].rows, (row) => [row.textContent.toLowerCase(), row]);
  const input = form.querySelector("input");
  const told = form.querySelector("output");
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [text, row] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown += 1;
    }
    told.value = `${shown} of ${rows.length} lines`;
    retail(table);
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", filter);
  form.hidden = false;
  filter();
}
