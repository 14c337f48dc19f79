"use strict";
// Draws the report from the data that stands in the page. This part: the data, and texts of figures.

const data = JSON.parse(document.getElementById("data").textContent);
const get = (id) => document.getElementById(id);
const STATES = ["", "running", "waiting for the GIL", "waiting for a lock", "I/O or sleep", "idle"];
const COLOURS = ["", "--running", "--gil", "--lock", "--io", "--idle"];
const UNIT = 1e-7; // seconds

// Text ------------------------------------------------------------------------------------------

function digits(x, n) {
  return Number(x.toPrecision(n)).toLocaleString("en", { maximumSignificantDigits: n, useGrouping: false });
}

function seconds(x) {
  if (x === undefined || x === null) return "–";
  if (x === 0) return "0";
  if (x >= 99.95) return digits(x, 4) + " s";
  if (x >= 0.9995) return digits(x, 3) + " s";
  if (x >= 0.9995e-3) return digits(x * 1e3, 3) + " ms";
  return digits(x * 1e6, 3) + " µs";
}

const time = (units) => seconds(units * UNIT);
const number = (x, n = 3) => (x === undefined || x === null ? "–" : digits(x, n));
const percent = (x) => (x === undefined || x === null ? "–" : (100 * x).toFixed(x < 0.0995 ? 1 : 0) + " %");

function bytes(x) {
  if (!x) return "–";
  return x >= 2 ** 20 ? digits(x / 2 ** 20, 3) + " MiB" : digits(x / 1024, 3) + " KiB";
}

function element(name, text, attributes = {}) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

// Columns in which nothing is known are left out.
function table(target, heads, rows, mark) {
  const known = heads.map((_, k) => rows.some((row) => row[k] !== "–"));
  const head = element("tr");
  heads.forEach((h, k) => known[k] && head.append(element("th", h, { scope: "col" })));
  const body = element("tbody");
  rows.forEach((row, i) => {
    const tr = element("tr");
    row.forEach((cell, k) => known[k] && tr.append(cell instanceof Node ? cell : element("td", cell)));
    if (mark && mark(i)) tr.className = "best";
    body.append(tr);
  });
  target.replaceChildren(element("thead"), body);
  target.tHead.append(head);
}
