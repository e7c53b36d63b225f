"use strict";
// The reader's choice of light or dark, which page.css applies, is kept where the browser keeps anything for a file.
addEventListener("DOMContentLoaded", () => {
  const theme = document.getElementById("theme");
  try {
    theme.value = localStorage.getItem("wndcheck-theme") ?? "automatic";
    theme.addEventListener("change", () => localStorage.setItem("wndcheck-theme", theme.value));
  } catch {}
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
