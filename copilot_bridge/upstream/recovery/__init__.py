"""What is said otherwise after a refusal that names what is wrong.

A refusal's words are looked up in a table of patterns (`table`); its row says what to do with the request
(`acts`), which is then sent once more.  What will be refused again next time is remembered per account, API
and model (`learned`) and done beforehand.  What binds the answer is never left out (`binding`).
"""
