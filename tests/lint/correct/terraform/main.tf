resource "kubectl_manifest" "node_class" {
  yaml_body = templatefile("${path.module}/manifests/node-class.yaml", {
    cluster_name = var.cluster_name
    node_role    = module.karpenter.node_iam_role_name
    volume_size  = "120Gi"
    spot         = true
  })
}
