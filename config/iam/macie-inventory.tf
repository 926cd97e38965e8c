# macie-inventory: the member role in every account, and the policy of the account that runs the program.
#
# A module of two providers: `aws` is the organization's management account, `aws.collector` is the account that
# runs the program. They may be the same.
#
#   module "macie_inventory" {
#     source                  = "./macie-inventory"
#     organizational_unit_ids = ["r-a1b2"]
#     providers               = { aws = aws.management, aws.collector = aws.security }
#   }

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      version               = ">= 5.0"
      configuration_aliases = [aws.collector]
    }
  }
}

variable "organizational_unit_ids" {
  description = "The root (r-...) or the units (ou-...) whose accounts get the role, now and when they join."
  type        = list(string)
}

variable "management_role" {
  description = "Whether the management account gets the role too: it needs one unless it runs the program itself."
  type        = bool
  default     = true
}

variable "role_name" {
  description = "--role-name of the program."
  type        = string
  default     = "MacieInventoryReader"
}

variable "collector_account_id" {
  description = "The account that runs the program."
  type        = string
  default     = "111122223333"
}

variable "collector_principal_arn" {
  description = "The role or user that runs the program; * may stand for parts of it."
  type        = string
  default     = "arn:aws:iam::111122223333:role/MacieInventoryCollector"
}

variable "organization_id" {
  description = "The organization."
  type        = string
  default     = "o-a1b2c3d4e5"
}

locals {
  member_parameters = {
    RoleName              = var.role_name
    CollectorAccountId    = var.collector_account_id
    CollectorPrincipalArn = var.collector_principal_arn
    OrganizationId        = var.organization_id
  }

  member_template = <<-YAML
    AWSTemplateFormatVersion: '2010-09-09'
    Description: 'macie-inventory: the role that is assumed in each account to list its Macie classification jobs.'
    Parameters:
      RoleName:
        Type: String
        Description: --role-name of the program.
        AllowedPattern: '[\w+=,.@-]{1,64}'
        Default: MacieInventoryReader
      CollectorAccountId:
        Type: String
        Description: The account that runs the program.
        AllowedPattern: \d{12}
        Default: '111122223333'
      CollectorPrincipalArn:
        Type: String
        Description: The role or user that runs the program; * may stand for parts of it.
        AllowedPattern: arn:.*
        Default: arn:aws:iam::111122223333:role/MacieInventoryCollector
      OrganizationId:
        Type: String
        Description: The organization.
        AllowedPattern: o-[a-z0-9]{10,32}
        Default: o-a1b2c3d4e5
    Resources:
      MemberRole:
        Type: AWS::IAM::Role
        Properties:
          RoleName:
            Ref: RoleName
          Description: 'Read by macie-inventory: lists Amazon Macie classification jobs, nothing else.'
          MaxSessionDuration: 3600
          AssumeRolePolicyDocument:
            Version: '2012-10-17'
            Statement:
              - Sid: AssumedByTheCollector
                Effect: Allow
                Principal:
                  AWS:
                    Fn::Sub: arn:$${AWS::Partition}:iam::$${CollectorAccountId}:root
                Action: sts:AssumeRole
                Condition:
                  ArnLike:
                    aws:PrincipalArn:
                      Ref: CollectorPrincipalArn
                  StringEquals:
                    aws:PrincipalOrgID:
                      Ref: OrganizationId
          Policies:
            - PolicyName: ListClassificationJobs
              PolicyDocument:
                Version: '2012-10-17'
                Statement:
                  - Sid: ListClassificationJobs
                    Effect: Allow
                    Action:
                      - macie2:ListClassificationJobs
                    Resource: '*'
    Outputs:
      RoleArn:
        Description: The member role of this account.
        Value:
          Fn::GetAtt:
            - MemberRole
            - Arn
  YAML
}

resource "aws_cloudformation_stack_set" "member" {
  name             = "macie-inventory-member-role"
  description      = "The role that macie-inventory assumes in each account."
  permission_model = "SERVICE_MANAGED"
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  parameters       = local.member_parameters
  template_body    = local.member_template

  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  managed_execution {
    active = true
  }

  lifecycle {
    ignore_changes = [administration_role_arn]
  }
}

# IAM is global: the provider's own region is enough.
resource "aws_cloudformation_stack_set_instance" "member" {
  stack_set_name = aws_cloudformation_stack_set.member.name

  deployment_targets {
    organizational_unit_ids = var.organizational_unit_ids
  }
}

# Service-managed StackSets skip the management account.
resource "aws_cloudformation_stack" "management" {
  count = var.management_role ? 1 : 0

  name          = "macie-inventory-member-role"
  capabilities  = ["CAPABILITY_NAMED_IAM"]
  parameters    = local.member_parameters
  template_body = local.member_template
}

resource "aws_iam_policy" "collector" {
  provider = aws.collector

  name        = "MacieInventoryCollector"
  description = "Discover accounts, assume their member roles, list the own account's Macie jobs."
  policy      = <<-JSON
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "AssumeMemberRoles",
          "Effect": "Allow",
          "Action": [
            "sts:AssumeRole"
          ],
          "Resource": "arn:aws:iam::*:role/MacieInventoryReader",
          "Condition": {
            "StringEquals": {
              "aws:ResourceOrgID": "o-a1b2c3d4e5"
            }
          }
        },
        {
          "Sid": "ListOwnClassificationJobs",
          "Effect": "Allow",
          "Action": [
            "macie2:ListClassificationJobs"
          ],
          "Resource": "*"
        },
        {
          "Sid": "ReadOrganization",
          "Effect": "Allow",
          "Action": [
            "organizations:ListAccounts",
            "organizations:ListRoots",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListAccountsForParent"
          ],
          "Resource": "*"
        }
      ]
    }
  JSON
}

output "collector_policy_arn" {
  description = "Attach it to whatever runs the program."
  value       = aws_iam_policy.collector.arn
}
