// A page whose title has all words of the query stands first, numbers before steps; lists and code stand behind.
var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
  score: ([document, title, , , score]) => {
    const words = (new URLSearchParams(location.search).get("q") ?? "").toLowerCase().match(/[\p{L}\d_.]+/gu) ?? [];
    const found = words.filter((word) => title.toLowerCase().includes(word)).length;
    const step = /[.][a-z]$/.test(document) ? 1 : 0;
    const whole = title.toLowerCase() === words.join(" ") ? 40 : 0;
    const other = ["equations", "notation"].includes(document) || document.startsWith("api/") ? 60 : 0;
    return score + 40 * found + whole - step - other;
  },
};
