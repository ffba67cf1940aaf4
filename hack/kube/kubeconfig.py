"""Write kubeconfigs that refer to the keys instead of holding them: one place to remove."""

from pathlib import Path

TEMPLATE = """\
apiVersion: v1
kind: Config
current-context: {name}
contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}}}}}]
clusters:
- name: {name}
  cluster: {{server: "{server}", certificate-authority: "{ca}"}}
users:
- name: {name}
  user: {{client-certificate: "{crt}", client-key: "{key}"}}
"""


def write(path: Path, *, name: str, server: str, pki: Path, user: str) -> None:
    """Write a kubeconfig that refers to the files of this user."""
    text = TEMPLATE.format(
        name=name,
        server=server,
        ca=pki / "ca.crt",
        crt=pki / f"{user}.crt",
        key=pki / f"{user}.key",
    )
    path.write_text(text)
