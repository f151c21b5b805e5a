// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json" // unlike encoding/json it keeps whole numbers whole, as CEL wants them
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/karpenter/pkg/apis"
)

// admission is an API server's judgement of one of Karpenter's kinds, by the schema that Karpenter ships.
type admission struct {
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

func newAdmission(gvk schema.GroupVersionKind) (*admission, error) {
	shipped, err := shippedSchema(gvk)
	if err != nil {
		return nil, err
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(shipped, &props, nil); err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(&props)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, err
	}
	return &admission{structural, validator, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

func shippedSchema(gvk schema.GroupVersionKind) (*apiextensionsv1.JSONSchemaProps, error) {
	for _, crd := range apis.CRDs {
		if crd.Spec.Group != gvk.Group || crd.Spec.Names.Kind != gvk.Kind {
			continue
		}
		for _, version := range crd.Spec.Versions {
			if version.Name == gvk.Version && version.Served {
				return version.Schema.OpenAPIV3Schema, nil
			}
		}
	}
	return nil, fmt.Errorf("Karpenter %s has no CRD for %s: see 'kubectl explain'", karpenterVersion(), gvk)
}

// admit returns the object with its defaults, or every reason for which it is refused.
func (a *admission) admit(ctx context.Context, raw []byte) ([]byte, error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	delete(object, "status") // a subresource: what a user writes there is dropped
	defaulting.Default(object, a.structural)
	errs := validation.ValidateCustomResource(nil, object, a.schema)
	if len(errs) == 0 { // the rules may rely on a well-formed object
		errs, _ = a.rules.Validate(ctx, nil, a.structural, object, nil, celconfig.RuntimeCELCostBudget)
	}
	if len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	return json.Marshal(object)
}
