"use strict";
// Light or dark: the reader's choice, kept where the browser keeps anything for a file, else that of the system.
addEventListener("DOMContentLoaded", () => {
  const choice = document.getElementById("theme");
  const apply = () => {
    if (choice.value === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice.value;
  };
  try {
    choice.value = localStorage.getItem("wndcheck-theme") || "automatic";
  } catch {}
  if (!choice.value) choice.value = "automatic";
  apply();
  choice.addEventListener("change", () => {
    apply();
    try {
      localStorage.setItem("wndcheck-theme", choice.value);
    } catch {}
  });
});
// Paper has nothing to open: what is folded up is printed too.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of folded) part.open = false;
});
