"""Google Drive and Sheets, Jira: who asks them, with which credentials, one operation at a time.

What is made of their answers is told in ``fieldwork``. Prefect is imported in ``blocks`` and
``tasks`` alone.
"""
