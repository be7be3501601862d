(function(){var b=document.getElementById("search"),i=b&&b.querySelector("input"),s=b&&b.querySelector("[role=status]");if(!i)return;b.hidden=false;
var r=[].slice.call(document.querySelectorAll("tr[data-find]"));i.addEventListener("input",function(){var w=i.value.toLowerCase().split(/\s+/),n=0;
r.forEach(function(t){var f=t.getAttribute("data-find").toLowerCase(),ok=w.every(function(x){return f.indexOf(x)>=0});t.hidden=!ok;if(ok)n++});
s.textContent=n+" of "+r.length+" models"})})();
