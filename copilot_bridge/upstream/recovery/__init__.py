"""Adaptations of a request after a refusal that names its cause.

A refusal's text is looked up in a table of patterns (`table`; `naming` reads the fields and values in it).
The matching rule names the act by which the request is changed (`acts`, `history`), and the request is sent
once more (`request_adapter`).  An act that will be needed again is remembered per account, API and model
(`learned`), and later requests are changed before they are sent.  Fields that bind the response are never
removed (`binding`): an output format that the model lacks is requested by a tool (`output_tool`).
"""
