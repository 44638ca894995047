// SPDX-License-Identifier: MIT
// The page works without this but for three things: choosing a path, the colours by hand, and the evidence behind a cell.
"use strict";
const evidence = JSON.parse(document.getElementById("evidence").textContent);
const dialog = document.getElementById("proof");
for (const cell of document.querySelectorAll("button[data-cell]")) {
  cell.addEventListener("click", () => {
    const [title, text, lines] = evidence[cell.dataset.cell];
    document.getElementById("proof-title").textContent = title;
    document.getElementById("proof-text").textContent = text;
    document.getElementById("proof-lines").textContent = lines.length ? lines.join("\n") : "no line of a capture or program goes with this cell";
    dialog.showModal();
  });
}
document.getElementById("proof-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
function choose(path) {
  for (const view of document.querySelectorAll("[data-view]")) view.hidden = path !== "all" && view.dataset.view !== path;
  for (const button of document.querySelectorAll("button[data-path]")) button.setAttribute("aria-pressed", String(button.dataset.path === path));
}
for (const button of document.querySelectorAll("button[data-path]")) button.addEventListener("click", () => choose(button.dataset.path));
choose("tls");
const root = document.documentElement;
root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
document.getElementById("theme").addEventListener("click", () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; });
