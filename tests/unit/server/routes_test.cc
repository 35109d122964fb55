#include "server/api/routes.h"

#include <gtest/gtest.h>

namespace moira::server {
namespace {

TEST(FindRoute, MatchesWholePathsOnly) {
  for (const Route& route : AllRoutes()) {
    const std::string path = std::string(route.path) + (route.is_prefix ? "m" : "");
    ASSERT_NE(FindRoute(route.method, path), nullptr) << path;
    EXPECT_EQ(FindRoute(route.method, path)->id, route.id);
    if (!route.is_prefix) {
      EXPECT_EQ(FindRoute(route.method, path + "/"), nullptr) << path;
    }
    EXPECT_EQ(FindRoute("DELETE", path), nullptr);
  }
  for (const char* path : {"/", "/..", "//livez", "/livez/", "/LIVEZ", "/%6civez", "/v1/models/"}) {
    EXPECT_EQ(FindRoute("GET", path), nullptr) << path;
  }
}

TEST(FindRoute, HeadIsGet) {
  EXPECT_EQ(FindRoute("HEAD", "/livez"), FindRoute("GET", "/livez"));
  EXPECT_EQ(FindRoute("HEAD", "/tokenize"), nullptr);
}

TEST(AllRoutes, OnlyHealthIsOpenWithoutAKey) {
  for (const Route& route : AllRoutes()) {
    const bool is_health =
        route.id == RouteId::kLive || route.id == RouteId::kReady || route.id == RouteId::kHealth;
    EXPECT_EQ(route.is_open, is_health) << route.path;
    EXPECT_EQ(route.is_immediate, is_health) << route.path;
  }
}

TEST(AllowedMethods, ListsWhatAPathHas) {
  EXPECT_EQ(AllowedMethods("/livez"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(AllowedMethods("/tokenize"), "POST, OPTIONS");
  EXPECT_EQ(AllowedMethods("/none"), "");
}

TEST(ModelNameOf, DecodesPercents) {
  EXPECT_EQ(ModelNameOf("/v1/models/a%2Fb-1.5"), "a/b-1.5");
  EXPECT_EQ(ModelNameOf("/v1/models/a/b"), "a/b");
  EXPECT_EQ(ModelNameOf("/v1/models/%"), "");
  EXPECT_EQ(ModelNameOf("/v1/models/%2"), "");
  EXPECT_EQ(ModelNameOf("/v1/models/%zz"), "");
  EXPECT_EQ(ModelNameOf("/v1/models/a%+1"), "");
}

}  // namespace
}  // namespace moira::server
