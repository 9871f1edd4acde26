"use strict";

// Tables sort by a click on a heading, or by Enter and Space on it: the headings are buttons.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const direction = heading.ariaSort === "ascending" ? "descending" : "ascending";
      headings.forEach((other) => { other.ariaSort = other === heading ? direction : "none"; });
      sortRows(table.tBodies[0], column, direction === "ascending" ? 1 : -1);
    });
  });
}

function sortRows(body, column, sign) {
  const key = (row) => row.cells[column].dataset.key;
  const numeric = [...body.rows].every((row) => !Number.isNaN(Number(key(row))));
  const rows = [...body.rows].sort((first, second) => {
    const [a, b] = [key(first), key(second)];
    if (a === "" || b === "") return (a === "") - (b === "");  // blanks stay last
    return sign * (numeric ? a - b : a.localeCompare(b, undefined, { numeric: true }));
  });
  body.append(...rows);
}

// Charts are drawn when they come near the window.
const views = new Map();

async function draw(figure) {
  const section = figure.closest("section");
  const { view } = await vegaEmbed(
    figure.querySelector(".plot"),
    JSON.parse(figure.querySelector("script").textContent),
    { actions: false, renderer: "svg", ast: true, tooltip: { disableDefaultStyle: true } },
  );
  views.set(figure, view);
  await update(section, [figure]);
}

async function update(section, figures) {
  const chosen = section.querySelector(".legend [aria-pressed=true]")?.dataset.model ?? "";
  const shownClass = section.querySelector("select.class")?.value;
  for (const figure of figures) {
    figure.classList.toggle("faded", chosen !== "" && "model" in figure.dataset && figure.dataset.model !== chosen);
    const view = views.get(figure);
    if (!view) continue;
    const signals = view.getState().signals;
    if ("chosen" in signals) view.signal("chosen", chosen);
    if ("shown_class" in signals) view.signal("shown_class", shownClass);
    await view.runAsync();
  }
}

const figures = document.querySelectorAll("figure.chart");
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    draw(target);
  }
}, { rootMargin: "800px" });
figures.forEach((figure) => observer.observe(figure));
addEventListener("beforeprint", () => figures.forEach((figure) => { if (!views.has(figure)) draw(figure); }));

for (const section of document.querySelectorAll("section")) {
  const ofSection = section.querySelectorAll("figure.chart");
  const models = section.querySelectorAll(".legend button");
  models.forEach((button) => button.addEventListener("click", () => {
    const pressed = button.ariaPressed !== "true";
    models.forEach((other) => { other.ariaPressed = String(other === button && pressed); });
    update(section, ofSection);
  }));
  section.querySelector("select.class")?.addEventListener("change", () => update(section, ofSection));
}
