using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using Sos.Image.Building;
using Sos.Image.Debugging;
using Sos.Image.Ports;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>The object file that the real pipeline made of the BadServices project, and the images of its entry points.</summary>
public sealed class BadServicesFixture
{
    private readonly byte[] _object = File.ReadAllBytes(Metadata("BadServicesObject"));
    private readonly MethodNames _names = MethodNames.FromAssemblies([typeof(BadServices.Bad).Assembly.Location]);
    private readonly Dictionary<string, BuiltImage> _built = [];

    public BuiltImage Build(string entry, ulong maxImageSize = 0)
    {
        if (maxImageSize != 0 || !_built.TryGetValue(entry, out BuiltImage? image))
        {
            // Each build starts from the parsed file's bytes: builds are independent of each other.
            ImageOptions options = new() { Name = entry, Version = "1.0", Entry = entry, MaxImageSize = maxImageSize };
            image = ImageBuilder.Build(_object, options, _names);
            _built[entry] = image;
        }

        return image;
    }

    /// <summary>Builds an image that states which ports it wants.</summary>
    public BuiltImage Build(string entry, PortWishes ports)
        => ImageBuilder.Build(_object, new ImageOptions { Name = entry, Entry = entry, Ports = ports }, _names);

    public static string Metadata(string key) =>
        typeof(BadServicesFixture).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value
        ?? throw new InvalidOperationException(key);
}

[CollectionDefinition("BadServices")]
public sealed class BadServicesCollection : ICollectionFixture<BadServicesFixture>;
