"""From images to tetrahedra: label maps, lumens, centrelines and walls, in millimetres of the patient. Knows nothing of force."""
