"""The stated rule: which posting titles belong to the occupation that a CV is labelled with.

The patterns were written from the labels and from the titles that the boards hold, before any precision was measured,
and were not changed after. They are searched in the title without regard to case. Where two labels name the same work
(testing), they share one.
"""

from typing import Final

_TESTING: Final = r"\btest|\bqa\b|quality assurance"

TITLES: Final[dict[str, str]] = {
    "Advocate": r"\blegal\b|counsel|lawyer|attorney|paralegal|litigation",
    "Arts": r"\barts?\b|artist|\bmusic|\bdanc|\bpaint",
    "Automation Testing": _TESTING,
    "Blockchain": r"blockchain|crypto|ethereum",
    "Business Analyst": r"business (systems |intelligence |data )?analyst|systems analyst",
    "Civil Engineer": r"\bcivil\b|structural engineer|site engineer",
    "Data Science": r"data scien|machine learning",
    "Database": r"database|\bdba\b|\bsql\b|\boracle\b",
    "DevOps Engineer": r"devops|site reliability|systems? administrator|(release|build|infrastructure) engineer",
    "DotNet Developer": r"\.net\b|c#|\basp\b",
    "ETL Developer": r"\betl\b|data engineer|data warehouse|business intelligence|\bbi\b",
    "Electrical Engineering": r"\belectrical|\belectronics?\b|hardware engineer",
    "HR": r"\bhr\b|human resource|recruit|staffing|\bpeople (consultant|partner|analyst|operations|services)",
    "Hadoop": r"hadoop|big data|data engineer",
    "Health and fitness": r"fitness|nutrition|wellness|\byoga|\bgym\b|\btrainer",
    "Java Developer": r"\bjava\b|\bj2ee\b",
    "Mechanical Engineer": r"\bmechanical",
    "Network Security Engineer": r"network (engineer|admin|security)|(cyber|information|it|network) ?security"
    r"|security (engineer|analyst|specialist|admin)",
    "Operations Manager": r"operations (manager|lead|director|supervisor)|(manager|director|head)\b.*\boperations",
    "PMO": r"(project|program) manager|\bpmo\b",
    "Python Developer": r"\bpython\b",
    "SAP Developer": r"\bsap\b|\babap\b",
    "Sales": r"\bsales\b|account (executive|manager)|business development",
    "Testing": _TESTING,
    "Web Designing": r"\bweb\b.*(design|develop|program)|front[- ]?end|\bui\b|\bux\b|\bhtml",
}
