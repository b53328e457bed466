/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/endpoint_type.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct endpoint_type {
    uint16_t type;
    const char *name;
} endpoint_types[] = {
    {1, "A"},      {2, "NS"},      {5, "CNAME"}, {6, "SOA"},      {12, "PTR"},        {13, "HINFO"},
    {15, "MX"},    {16, "TXT"},    {17, "RP"},   {18, "AFSDB"},   {28, "AAAA"},       {29, "LOC"},
    {33, "SRV"},   {35, "NAPTR"},  {36, "KX"},   {37, "CERT"},    {39, "DNAME"},      {43, "DS"},
    {44, "SSHFP"}, {46, "RRSIG"},  {47, "NSEC"}, {48, "DNSKEY"},  {50, "NSEC3"},      {51, "NSEC3PARAM"},
    {52, "TLSA"},  {53, "SMIMEA"}, {59, "CDS"},  {60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"},
    {64, "SVCB"},  {65, "HTTPS"},  {99, "SPF"},  {256, "URI"},    {257, "CAA"},
};

bool endpoint_type_parse(struct bytes text, uint16_t *out)
{
    char copy[ENDPOINT_TYPE_SIZE];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    for (size_t i = 0; i < sizeof endpoint_types / sizeof *endpoint_types; i++) {
        if (strlen(endpoint_types[i].name) == text.len && strcasecmp(copy, endpoint_types[i].name) == 0) {
            *out = endpoint_types[i].type;
            return true;
        }
    }
    unsigned value = 0;
    if (text.len < 5 || text.len > 9 || strncasecmp(copy, "TYPE", 4) != 0 || (copy[4] == '0' && text.len > 5))
        return false;
    for (size_t i = 4; i < text.len; i++) {
        if (copy[i] < '0' || copy[i] > '9')
            return false;
        value = value * 10 + (unsigned)(copy[i] - '0');
    }
    if (value > 65535)
        return false;
    *out = (uint16_t)value;
    return true;
}

void endpoint_type_format(uint16_t type, char out[ENDPOINT_TYPE_SIZE])
{
    for (size_t i = 0; i < sizeof endpoint_types / sizeof *endpoint_types; i++) {
        if (endpoint_types[i].type == type) {
            snprintf(out, ENDPOINT_TYPE_SIZE, "%s", endpoint_types[i].name);
            return;
        }
    }
    snprintf(out, ENDPOINT_TYPE_SIZE, "TYPE%u", (unsigned)type);
}

bool endpoint_type_is_askable(uint16_t type)
{
    return type != 0 && type != 41 && (type < 249 || type > 255);
}
