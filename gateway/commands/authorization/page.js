// Filters: each input of .filters shows only what has all of its words, in the attribute that it names, or in its text
// and that of the group around it where that is empty.
"use strict";
(() => {
  const inputs = [...document.querySelectorAll(".filters input")];
  const output = document.querySelector(".filters output");
  const words = (input) => input.value.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (element, name, wanted) => {
    const group = element.closest("details")?.querySelector("summary")?.textContent ?? "";
    const text = (element.dataset[name] || `${group} ${element.textContent}`).normalize("NFKC").toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
  const apply = () => {
    const asked = inputs.map((input) => [input.dataset.of, words(input)]).filter(([, wanted]) => wanted.length);
    let shown = 0;
    for (const element of document.querySelectorAll("[data-filtered]")) {
      const mine = asked.filter(([name]) => name in element.dataset);
      element.hidden = !mine.every(([name, wanted]) => fits(element, name, wanted));
      if (!element.hidden && element.hasAttribute("data-counted")) shown += 1;
    }
    for (const group of document.querySelectorAll("[data-group]")) {
      group.hidden = asked.length > 0 && !group.querySelector("[data-counted]:not([hidden])");
      if (asked.length > 0 && group.tagName === "DETAILS" && !group.hidden) group.open = true;
    }
    if (output) output.textContent = asked.length ? `${shown} 件 shown` : "";
  };
  for (const input of inputs) input.addEventListener("input", apply);
  window.addEventListener("hashchange", () => {
    const aim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (aim && aim.closest("details")) aim.closest("details").open = true;
    if (aim) aim.scrollIntoView();
  });
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
})();
