// Why a decision came out as it did, step by step: what `mailcorectl explain` prints. Only made when asked for.
#pragma once

#include <string>
#include <vector>

namespace mailcore::rules {

struct TraceStep {
    std::string step;   // client, login, certificate, sender, claim, tenant, suspension, recipient, size, from, ticket, rule, verdict, limit
    std::string text;
    bool operator==(TraceStep const&) const = default;
};

struct Trace {
    std::vector<TraceStep> steps;
    void add(std::string step, std::string text);
};

}   // namespace mailcore::rules
