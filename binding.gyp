# For tools that expect node-gyp: the one build description is CMakeLists.txt.
{
  "targets": [
    {
      "target_name": "honeybee",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build-cmake/always-run"],
          "action": ["node", "scripts/build.mjs", "--native-only"],
        }
      ],
    }
  ]
}
