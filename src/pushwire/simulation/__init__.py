"""A client machine and a sandbox's server machine in virtual time, on a link that fails: one integer seed is one story.

`plan` draws what will go wrong, `troubles` has it happen to the `world`, `caller` is the program that uses the client, `judge`
says what must be true after every step. Pure: no trio, no socket, no clock. Nothing is imported here.
"""
