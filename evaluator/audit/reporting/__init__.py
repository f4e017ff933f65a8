"""What an audit says to people and to machines.

From outside: `report.write_report`, `junit.junit_xml`, `text.audit_table`.
"""
