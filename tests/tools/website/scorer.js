// A page whose title has all words of the query stands first; then the numbers before the steps.
var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
  score: ([document, title, , , score]) => {
    const words = (new URLSearchParams(location.search).get("q") ?? "").toLowerCase().match(/[\p{L}\d_.]+/gu) ?? [];
    const found = words.filter((word) => title.toLowerCase().includes(word)).length;
    const step = /[.][a-z]$/.test(document) ? 1 : 0;
    const list = ["equations", "notation"].includes(document) ? 60 : 0;
    return score + 40 * found - step - list;
  },
};
