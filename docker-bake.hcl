# All images, each tagged with the version of its module:
#
#   docker buildx bake                 the full image and one for each module
#   docker buildx bake payments        one of them
#   REGISTRY=ghcr.io/opencity-italia REVISION=$(git rev-parse HEAD) docker buildx bake --push
#
# scripts/images does the same with podman. scripts/deployment checks that the versions here are those of the crates.

variable "REGISTRY" {
  default = "localhost"
}

variable "REVISION" {
  default = "unknown"
}

variable "BUILD_IMAGE" {
  default = "docker.io/library/rust:1.95-slim-bookworm"
}

variable "CERTIFICATES_IMAGE" {
  default = "docker.io/library/debian:bookworm-slim"
}

group "default" {
  targets = ["opencity", "module"]
}

target "image" {
  args = {
    BUILD_IMAGE        = BUILD_IMAGE
    CERTIFICATES_IMAGE = CERTIFICATES_IMAGE
    REVISION           = REVISION
  }
}

target "opencity" {
  inherits = ["image"]
  args = {
    FEATURES = "default,kafka"
    VERSION  = "0.1.0"
  }
  tags = ["${REGISTRY}/opencity:0.1.0"]
}

target "module" {
  name     = module.name
  inherits = ["image"]
  matrix = {
    module = [
      { name = "tenants", version = "0.1.0" },
      { name = "identity", version = "0.1.0" },
      { name = "services", version = "0.1.0" },
      { name = "applications", version = "0.1.0" },
      { name = "payments", version = "0.1.0" },
      { name = "payment-proxy", version = "0.1.0" },
      { name = "documents", version = "0.1.0" },
      { name = "protocol-proxy", version = "0.1.0" },
      { name = "retry", version = "0.1.0" },
      { name = "webhooks", version = "0.1.0" },
      { name = "notifications", version = "0.1.0" },
      { name = "jobs", version = "0.1.0" },
    ]
  }
  args = {
    FEATURES = "${module.name},kafka"
    VERSION  = module.version
  }
  tags = ["${REGISTRY}/opencity-${module.name}:${module.version}"]
}
