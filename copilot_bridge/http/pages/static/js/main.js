// The scripts of the pages.  All pages work without them; with them they copy, tell the local time, and keep
// themselves up to date.
// @ts-check

import "./approvals.js";
import "./chart.js";
import "./chat.js";
import "./clicks.js";
import "./forms.js";
import { fill } from "./own-key.js";
import { loadLater, ready } from "./regions.js";
import { start } from "./live.js";
import { tellZone } from "./times.js";

tellZone();
ready(document);
fill();
loadLater(document);
start();
