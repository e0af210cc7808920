"""What is said otherwise after a refusal that names what is wrong.

A refusal's words are looked up in a table of patterns (`table`; `naming` reads what they name); its row says
what to do with the request (`acts`, `history`), which is then sent once more (`mending`).  What will be
refused again next time is remembered per account, API and model (`learned`) and done beforehand.  What binds
the answer is never left out (`binding`): a form that is not known is asked for by a tool (`answer_tool`).
"""
