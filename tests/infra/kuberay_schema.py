"""JSON schema of the fields of KubeRay's resources that infra/kuberay uses, and of no others.

It is not KubeRay's own CRD, which is not part of the project: it is written by hand from the field reference
of KubeRay 1.6 (ray.io/v1) and of Kubernetes, and narrower than both. A misspelt field, one in the wrong place
or a container that could be root is refused, where the API server might drop the field without a word. That a
field means what the reference says it cannot show; ``kubectl apply --dry-run=server`` asks the CRD itself.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def closed(required: str = "", /, **fields: Schema) -> Schema:
    """An object of these fields alone; ``required`` names some, separated by spaces."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": fields,
        "required": required.split(),
    }


def listed(items: Schema, **more: Any) -> Schema:
    """A list of at least one."""
    return {"type": "array", "items": items, "minItems": 1, **more}


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"enum": list(values)}


TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65_535}
NAME: Schema = {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
QUANTITY: Schema = {"type": "string", "pattern": r"^\d+(m|Ki|Mi|Gi|Ti)?$"}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = closed(
    name=NAME,
    generateName={"type": "string", "pattern": r"^[a-z][a-z0-9-]{0,40}-$"},
    namespace=NAME,
    labels=TEXTS,
    annotations=TEXTS,
)
RESOURCES = closed(
    "requests limits",
    requests={"type": "object", "additionalProperties": QUANTITY, "required": ["cpu", "memory"]},
    limits={"type": "object", "additionalProperties": QUANTITY, "required": ["cpu", "memory"]},
)
SECCOMP = closed("type", type=one_of("RuntimeDefault"))
CONTAINER_SECURITY = closed(
    "allowPrivilegeEscalation capabilities",
    allowPrivilegeEscalation={"const": False},
    runAsNonRoot={"const": True},
    capabilities=closed("drop", drop={"const": ["ALL"]}),
    seccompProfile=SECCOMP,
)
POD_SECURITY = closed(
    "runAsNonRoot seccompProfile",
    runAsNonRoot={"const": True},
    runAsUser={"type": "integer", "minimum": 1},
    runAsGroup={"type": "integer", "minimum": 1},
    fsGroup={"type": "integer", "minimum": 1},
    seccompProfile=SECCOMP,
)
PROBE = closed(
    "httpGet",
    httpGet=closed("path port", path={"type": "string", "pattern": "^/"}, port=PORT),
    initialDelaySeconds=COUNT,
    periodSeconds=COUNT,
    timeoutSeconds=COUNT,
    failureThreshold=COUNT,
)
VARIABLE: Schema = {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"}
VALUE = closed("name value", name=VARIABLE, value={"type": "string"})
SECRET_VALUE = closed(
    "name valueFrom",
    name=VARIABLE,
    valueFrom=closed("secretKeyRef", secretKeyRef=closed("name key", name=NAME, key=TEXT)),
)
CONTAINER = closed(
    "name image resources securityContext",
    name=NAME,
    image=TEXT,
    command=listed(TEXT),
    env=listed({"oneOf": [VALUE, SECRET_VALUE]}),
    ports=listed(closed("name containerPort", name=NAME, containerPort=PORT)),
    readinessProbe=PROBE,
    livenessProbe=PROBE,
    resources=RESOURCES,
    securityContext=CONTAINER_SECURITY,
    volumeMounts=listed(closed("name mountPath", name=NAME, mountPath=TEXT, readOnly=FLAG)),
)
VOLUME = closed("name", name=NAME, emptyDir=closed(sizeLimit=QUANTITY), configMap=closed("name", name=NAME))
POD = closed(
    "spec",
    metadata=METADATA,
    spec=closed(
        "containers securityContext",
        serviceAccountName=NAME,
        automountServiceAccountToken=FLAG,
        terminationGracePeriodSeconds=COUNT,
        restartPolicy=one_of("Never", "OnFailure"),
        securityContext=POD_SECURITY,
        nodeSelector=TEXTS,
        tolerations=listed(closed("key operator effect", key=TEXT, operator=one_of("Exists"), effect=TEXT)),
        containers=listed(CONTAINER),
        volumes=listed(VOLUME),
    ),
)
CLUSTER = closed(
    "rayVersion authOptions headGroupSpec",
    rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    authOptions=closed("mode secretName", mode={"const": "token"}, secretName=NAME),
    enableInTreeAutoscaling=FLAG,
    autoscalerOptions=closed(
        version=one_of("v1", "v2"),
        idleTimeoutSeconds=COUNT,
        upscalingMode=one_of("Default", "Aggressive", "Conservative"),
        resources=RESOURCES,
        securityContext=CONTAINER_SECURITY,
    ),
    headGroupSpec=closed("rayStartParams template", rayStartParams=TEXTS, template=POD),
    workerGroupSpecs=listed(
        closed(
            "groupName replicas minReplicas maxReplicas rayStartParams template",
            groupName=NAME,
            replicas=COUNT,
            minReplicas=COUNT,
            maxReplicas=COUNT,
            rayStartParams=TEXTS,
            template=POD,
        )
    ),
)
RAY_SERVICE = closed(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayService"},
    metadata=METADATA,
    spec=closed(
        "serveConfigV2 rayClusterConfig",
        serveConfigV2=TEXT,
        upgradeStrategy=closed("type", type=one_of("NewCluster", "None")),
        excludeHeadPodFromServeSvc=FLAG,
        rayClusterConfig=CLUSTER,
    ),
)
RAY_JOB = closed(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=METADATA,
    spec=closed(
        "entrypoint rayClusterSpec",
        entrypoint=TEXT,
        submissionMode=one_of("K8sJobMode", "HTTPMode", "InteractiveMode"),
        backoffLimit=COUNT,
        activeDeadlineSeconds={"type": "integer", "minimum": 1},
        shutdownAfterJobFinishes=FLAG,
        ttlSecondsAfterFinished=COUNT,
        submitterPodTemplate=POD,
        rayClusterSpec=CLUSTER,
    ),
)
SCHEMAS: dict[str, Schema] = {"RayService": RAY_SERVICE, "RayJob": RAY_JOB}
